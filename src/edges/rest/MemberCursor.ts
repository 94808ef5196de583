/** The cursor of a page of members: the last one's id, which is not for clients to make. */
import { Result } from "effect"
import type { MemberView } from "../../domain/Conversation.ts"
import { InvalidInput } from "../../domain/Errors.ts"
import { isCanonicalUuid, type UserId } from "../../domain/Ids.ts"

const foreign = new InvalidInput({ issues: [{ path: "cursor", message: "This cursor is not one of ours" }] })

export const decode = (cursor: string | undefined): Result.Result<UserId | undefined, InvalidInput> => {
  if (cursor === undefined) return Result.succeed(undefined)
  const id = Buffer.from(cursor, "base64url").toString("latin1")
  return isCanonicalUuid(id) ? Result.succeed(id as UserId) : Result.fail(foreign)
}

export const next = (items: ReadonlyArray<MemberView>, hasMore: boolean): string | null => {
  const last = items.at(-1)
  return hasMore && last !== undefined ? Buffer.from(last.user_id).toString("base64url") : null
}
