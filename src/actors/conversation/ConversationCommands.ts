/**
 * What a conversation's actor is asked, and what it answers. `ConversationRegistry` sends these; only the actor handles
 * them.
 */
import type { Change, Changed, ChangeRefusal } from "../../domain/Changes.ts"
import type { SendMessage, Sent } from "../../domain/Commands.ts"
import type { ConversationView, MemberView, ReadPosition, Role } from "../../domain/Conversation.ts"
import type {
  MemberSettings,
  UpdateMemberSettings,
  UpdateSettings
} from "../../domain/ConversationSettings.ts"
import type {
  Conflict,
  Forbidden,
  InvalidInput,
  NotFound,
  NotMember,
  Overloaded,
  RateLimited,
  Unavailable
} from "../../domain/Errors.ts"
import type { Caller } from "../../domain/Identity.ts"
import type { UserId } from "../../domain/Ids.ts"
import type { Message, Metadata } from "../../domain/Message.ts"
import type { AppendError, ChangeError } from "../../domain/ports/MessageWriter.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import type { PublicChange } from "./ConversationEvents.ts"

/** What a member learns of the conversation's state at a join. */
export interface MemberSnapshot {
  readonly conversation: ConversationView
  readonly role: Role
  readonly settings: MemberSettings
  /** Up to here the member has deleted the conversation for themselves. */
  readonly clearedSeq: number
  readonly currentSeq: number
  /** Empty unless they were asked for. */
  readonly positions: Readonly<Record<string, ReadPosition>>
  /** Where the conversation stood when the member last deleted a message for themselves; 0 for never. */
  readonly lastHiddenSeq: number
  /** The member is told nobody's read receipts. */
  readonly hidesReads: boolean
  /** How long messages are kept, in ms; null for ever. */
  readonly retention: number | null
}

/** By whose right a change of members is asked for: a member's, as far as their role goes, or a peer service's. */
export type Authority = "member" | "peer"

/** `Conflict`: another owner of the conversation has changed it meanwhile, or it is not as the caller has seen it. */
export type ManageRefusal = NotMember | Forbidden | NotFound | Conflict | Unavailable

export type Command =
  | {
      readonly _tag: "Post"
      readonly caller: Caller
      readonly message: SendMessage
      readonly at: number
      readonly reply: ReplyTo<Sent, NotMember | Forbidden | RateLimited | AppendError>
    }
  | {
      readonly _tag: "Change"
      readonly caller: Caller
      /** As storage had it just before; `undefined` where the caller sees no such message. */
      readonly target: Message | undefined
      readonly change: Change
      readonly at: number
      readonly reply: ReplyTo<Changed, ChangeRefusal | ChangeError>
    }
  | {
      /** A change that the service itself makes, in the name of the message's sender: nobody is asked. */
      readonly _tag: "Apply"
      readonly target: Message
      readonly change: PublicChange
      readonly at: number
      readonly reply: ReplyTo<Changed, NotMember | ChangeError>
    }
  | {
      readonly _tag: "Snapshot"
      readonly userId: UserId
      /** A list as long as the members are many. */
      readonly withPositions: boolean
      /** Durable events up to this number exist, for all that the asker knows. */
      readonly seen?: number
      readonly reply: ReplyTo<MemberSnapshot, NotMember | Unavailable>
    }
  | {
      readonly _tag: "Advance"
      readonly caller: Caller
      readonly kind: "read" | "delivered"
      readonly seq: number
      readonly reply: ReplyTo<ReadPosition, NotMember | Unavailable | Overloaded>
    }
  | {
      readonly _tag: "Typing"
      readonly caller: Caller
      readonly action: "start" | "stop"
      readonly reply: ReplyTo<void, NotMember | Forbidden | Unavailable>
    }
  | { readonly _tag: "TypingEnded"; readonly userId: UserId }
  | {
      readonly _tag: "AddMembers"
      readonly by: UserId
      readonly authority: Authority
      readonly userIds: ReadonlyArray<UserId>
      readonly role: "admin" | "member"
      readonly at: number
      readonly reply: ReplyTo<ReadonlyArray<MemberView>, InvalidInput | ManageRefusal>
    }
  | {
      readonly _tag: "RemoveMember"
      readonly by: UserId
      readonly authority: Authority
      readonly userId: UserId
      readonly at: number
      readonly reply: ReplyTo<void, ManageRefusal>
    }
  | {
      readonly _tag: "ChangeRole"
      readonly by: UserId
      readonly userId: UserId
      readonly role: Role
      readonly reply: ReplyTo<MemberView, ManageRefusal>
    }
  | {
      readonly _tag: "Update"
      readonly by: UserId
      readonly metadata: Metadata
      /** The entity tag of what the caller has seen; `null` changes whatever is there. */
      readonly expected: string | null
      readonly at: number
      readonly reply: ReplyTo<ConversationView, ManageRefusal>
    }
  | {
      readonly _tag: "Configure"
      readonly by: UserId
      readonly settings: UpdateSettings
      readonly expected: string | null
      readonly reply: ReplyTo<ConversationView, ManageRefusal>
    }
  | {
      /** A member's own settings. */
      readonly _tag: "Prefer"
      readonly caller: Caller
      readonly settings: UpdateMemberSettings
      readonly reply: ReplyTo<MemberSettings, ManageRefusal>
    }
  | {
      /** Deletes for the caller what there is now. */
      readonly _tag: "Clear"
      readonly caller: Caller
      readonly reply: ReplyTo<void, ManageRefusal>
    }
  | {
      /** Deletes for everyone. */
      readonly _tag: "Close"
      readonly by: UserId
      readonly at: number
      readonly reply: ReplyTo<void, ManageRefusal>
    }
  | {
      /** A peer service's: what is in the metadata and not named here stays. Answers whether anything has changed. */
      readonly _tag: "Merge"
      readonly metadata: Metadata
      readonly at: number
      readonly reply: ReplyTo<boolean, Conflict | NotMember | Unavailable>
    }
