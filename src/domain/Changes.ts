/**
 * What may happen to a message after it was sent, and who may do it when. Pure. Storage, which holds the
 * conversation's lock, has the last word on what may have changed meanwhile: the version, a deletion, the limits.
 */
import { Result, Schema } from "effect"
import type { NewAttachment } from "./Commands.ts"
import type { Member, State } from "./Conversation.ts"
import { Conflict, Forbidden, NotFound, type NotMember } from "./Errors.ts"
import { MessageId, type UserId } from "./Ids.ts"
import { type Message, type Metadata, Seq } from "./Message.ts"
import { authorize, may } from "./Policy.ts"

/** Different reactions one message may have. */
export const MAX_REACTIONS = 20
/** Messages one conversation may have pinned. */
export const MAX_PINS = 50
/** UTF-8 bytes of one reaction. */
export const MAX_REACTION_BYTES = 64

/**
 * One emoji in any of its forms (also those newer than this runtime's tables), or a short code of a client's own,
 * with colons or without.
 */
const emojiOrShortCode =
  /^(?:\p{RGI_Emoji}|\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier})?(?:\u200D\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier})?)*|[a-z0-9_+\-]+|:[a-z0-9_+\-]+:)$/v

export const ReactionKey = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter(
      (text) => Buffer.byteLength(text) <= MAX_REACTION_BYTES && emojiOrShortCode.test(text),
      { expected: `one emoji or a short code such as :+1:, of at most ${MAX_REACTION_BYTES} bytes` }
    )
  )
)

/** What a change does. `delete` is for everyone, `hide` for the caller alone. */
export type Change =
  | {
      readonly kind: "edit"
      readonly content: string
      /** `null` keeps what the message has. */
      readonly metadata: Metadata | null
      /** The `version_seq` that the caller has seen; `null` edits whatever is there. */
      readonly expected: number | null
    }
  | { readonly kind: "hide" }
  | { readonly kind: "delete" | "pin" | "unpin" }
  | { readonly kind: "react" | "unreact"; readonly reaction: string }
  | { readonly kind: "attach"; readonly attachment: NewAttachment }

/**
 * The answer to a change: the message's version after it. `changed` is false where everything was as asked already;
 * then nothing took a number and nobody was told.
 */
export const Changed = Schema.Struct({ message_id: MessageId, version_seq: Seq, changed: Schema.Boolean })
export type Changed = typeof Changed.Type

/** How long after the sending, in ms. */
export interface ChangeLimits {
  readonly editWindow: number
  readonly deleteWindow: number
}

export type ChangeRefusal = NotMember | Forbidden | NotFound | Conflict

export const deletedAlready = new Conflict({ what: "the message is deleted" })

const forbid = (rule: string) => Result.fail(new Forbidden({ rule }))

const age = (target: Message, now: number): number => now - Date.parse(target.sent_at)

const edit = (
  member: Member,
  target: Message,
  now: number,
  limits: ChangeLimits
): Result.Result<Message, ChangeRefusal> => {
  if (target.sender_id !== member.userId) return forbid("edit:sender_only")
  if (target.message_type === "system") return forbid("edit:system_message")
  if (target.is_deleted) return Result.fail(deletedAlready)
  return age(target, now) > limits.editWindow ? forbid("edit:too_late") : Result.succeed(target)
}

const attach = (member: Member, target: Message): Result.Result<Message, ChangeRefusal> => {
  if (target.sender_id !== member.userId) return forbid("attach:sender_only")
  return target.is_deleted ? Result.fail(deletedAlready) : Result.succeed(target)
}

const remove = (
  state: State,
  member: Member,
  target: Message,
  now: number,
  limits: ChangeLimits
): Result.Result<Message, ChangeRefusal> => {
  if (may(state, member, "moderate")) return Result.succeed(target)
  if (target.sender_id !== member.userId) return forbid("delete:sender_only")
  if (target.message_type === "system") return forbid("delete:system_message")
  return age(target, now) > limits.deleteWindow && !target.is_deleted
    ? forbid("delete:too_late")
    : Result.succeed(target)
}

/** The target, when `userId` may do this to it now. `undefined`: there is no such message, as far as they can see. */
export const judge = (
  state: State,
  userId: UserId,
  target: Message | undefined,
  change: Change,
  now: number,
  limits: ChangeLimits
): Result.Result<Message, ChangeRefusal> => {
  const isPinning = change.kind === "pin" || change.kind === "unpin"
  const allowed = authorize(state, userId, isPinning ? "pin" : "change")
  if (Result.isFailure(allowed)) return Result.fail(allowed.failure)
  if (target?.conversation_id !== state.id) return Result.fail(new NotFound({ what: "message" }))
  switch (change.kind) {
    case "edit":
      return edit(allowed.success, target, now, limits)
    case "delete":
      return remove(state, allowed.success, target, now, limits)
    case "attach":
      return attach(allowed.success, target)
    case "react":
    case "pin":
      return target.is_deleted ? Result.fail(deletedAlready) : Result.succeed(target)
    case "hide":
    case "unreact":
    case "unpin":
      return Result.succeed(target)
  }
}
