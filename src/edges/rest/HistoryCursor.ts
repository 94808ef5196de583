/** The cursor of a page of history: which way the client was going, and from which `seq`. */
import { Result } from "effect"
import type { MessagePage } from "../../actors/conversation/Conversations.ts"
import type { HistoryQuery } from "../../domain/Answers.ts"
import type { History } from "../../domain/Commands.ts"
import { foreignCursor, type InvalidInput } from "../../domain/Errors.ts"

const pattern = /^(after|before)-(\d{1,15})$/

/** What a request asks of the history, its cursor resolved. */
export const toHistory = ({
  cursor,
  ...asked
}: typeof HistoryQuery.Type): Result.Result<History, InvalidInput> => {
  if (cursor === undefined) return Result.succeed(asked)
  const [, way, seq] = pattern.exec(cursor) ?? []
  if (way === undefined) return Result.fail(foreignCursor)
  return Result.succeed({ ...asked, [`${way}_seq`]: Number(seq) })
}

/** Where the page after this one begins; null when there is none. */
export const nextCursor = (asked: History, { has_more, items }: MessagePage): string | null => {
  const onwards = asked.after_seq !== undefined
  const last = onwards ? items.at(-1) : items[0]
  if (!has_more || last === undefined) return null
  return `${onwards ? "after" : "before"}-${last.seq}`
}
