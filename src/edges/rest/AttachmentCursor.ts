/** The cursor of a page of attachments: the message that shows the last one, and its place there. */
import { Result } from "effect"
import { foreignCursor, type InvalidInput } from "../../domain/Errors.ts"
import type { AttachmentPlace, Page, PlacedAttachment } from "../../domain/ports/MessageStore.ts"

const pattern = /^(\d{1,15})-(\d{1,4})$/

export const decode = (
  cursor: string | undefined
): Result.Result<AttachmentPlace | undefined, InvalidInput> => {
  if (cursor === undefined) return Result.succeed(undefined)
  const [, seq, position] = pattern.exec(cursor) ?? []
  return seq === undefined
    ? Result.fail(foreignCursor)
    : Result.succeed({ seq: Number(seq), position: Number(position) })
}

export const next = ({ hasMore, items }: Page<PlacedAttachment>): string | null => {
  const last = items.at(-1)
  return hasMore && last !== undefined ? `${last.seq}-${last.position}` : null
}
