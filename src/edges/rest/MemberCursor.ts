/** The cursor of a page of members: the last one's id, which is not for clients to make. */
import { Result } from "effect"
import type { MemberView } from "../../domain/Conversation.ts"
import { foreignCursor, type InvalidInput } from "../../domain/Errors.ts"
import { isCanonicalUuid, type UserId } from "../../domain/Ids.ts"

export const decode = (cursor: string | undefined): Result.Result<UserId | undefined, InvalidInput> => {
  if (cursor === undefined) return Result.succeed(undefined)
  const id = Buffer.from(cursor, "base64url").toString("latin1")
  return isCanonicalUuid(id) ? Result.succeed(id as UserId) : Result.fail(foreignCursor)
}

export const next = (items: ReadonlyArray<MemberView>, hasMore: boolean): string | null => {
  const last = items.at(-1)
  return hasMore && last !== undefined ? Buffer.from(last.user_id).toString("base64url") : null
}
