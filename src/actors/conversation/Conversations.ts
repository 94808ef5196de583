/**
 * The application service that every edge enters by: channels, REST, RPC, gRPC and workers. It knows where a
 * conversation's actor lives; its callers do not. There is no other way to write.
 *
 * The caller is always a verified identity. A conversation that does not exist and one the caller is no member
 * of are answered alike (`NotMember`), so that ids cannot be probed.
 */
import type { Effect, Exit } from "effect"
import { Context } from "effect"
import type { Change, Changed } from "../../domain/Changes.ts"
import type {
  AddMembers,
  CreateConversation,
  CreateGroup,
  History,
  NewAttachment,
  SendMessage,
  Sent,
  UpToHere
} from "../../domain/Commands.ts"
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
  Unavailable,
  UserBlocked
} from "../../domain/Errors.ts"
import type { Caller, Identity } from "../../domain/Identity.ts"
import type { ConversationId, MessageId, UserId } from "../../domain/Ids.ts"
import type { Message, Metadata } from "../../domain/Message.ts"
import type { AdmissionRefusal } from "../../domain/ports/Admission.ts"
import type { ConversationPage, ListFilter, PageOptions } from "../../domain/ports/ConversationStore.ts"
import type {
  AttachmentPlace,
  Page,
  Pin,
  PlacedAttachment,
  SearchPage
} from "../../domain/ports/MessageStore.ts"

/** Any ask of a conversation may be answered by these. */
export type AskError = NotMember | Overloaded | Unavailable

/** How the limits of what a user may do answer. */
export type Limited = RateLimited | UserBlocked

export type SendError = AdmissionRefusal | InvalidInput | Forbidden | NotFound | AskError

export type ChangeError = Conflict | SendError

/** `Conflict`: it is no more as the caller has seen it, or as its owner knew it. */
export type ManageError = Conflict | Forbidden | NotFound | AskError

/** Such changes are told to many, and so there may be only so many of them. */
export type LimitedManageError = Limited | ManageError

/** What a member gets at the join of `conversation:{id}`, or a resume after `last_seq`. */
export interface Snapshot {
  readonly conversation: ConversationView
  readonly role: Role
  readonly my_settings: MemberSettings
  /** Up to here the caller has deleted the conversation for themselves: a device forgets what it has of it. */
  readonly cleared_seq: number
  readonly current_seq: number
  readonly resumed: boolean
  readonly messages: ReadonlyArray<Message>
  readonly has_more: boolean
  /** Whether the caller gives and gets read receipts. */
  readonly read_receipts: boolean
  readonly read_positions: Readonly<Record<string, ReadPosition>>
  /** Messages that the caller deleted for themselves on another device and this one may still show. */
  readonly hidden_ids: ReadonlyArray<MessageId>
}

export interface MessagePage {
  readonly items: ReadonlyArray<Message>
  readonly has_more: boolean
}

export class Conversations extends Context.Service<
  Conversations,
  {
    /**
     * The second time, a direct conversation or a group with an `external_group_id` is the first one again; so is
     * whatever was created under the same `id`, which the caller decides where it may have to try again.
     */
    readonly create: (
      caller: Identity,
      input: CreateConversation & Pick<CreateGroup, "external_group_id">,
      id?: ConversationId
    ) => Effect.Effect<
      { readonly conversation: ConversationView; readonly created: boolean },
      AdmissionRefusal | InvalidInput | Conflict | Forbidden | AskError
    >
    readonly list: (
      caller: Identity,
      options: Pick<ListFilter, "archived"> & PageOptions
    ) => Effect.Effect<ConversationPage, InvalidInput | Unavailable>
    /** Limited like searching messages. */
    readonly find: (
      caller: Identity,
      options: Pick<ListFilter, "text" | "memberId"> & PageOptions
    ) => Effect.Effect<ConversationPage, InvalidInput | Limited | Unavailable>
    readonly show: (caller: Identity, id: ConversationId) => Effect.Effect<ConversationView, AskError>
    /** With `expected`, an entity tag, only what the caller has seen is changed. */
    readonly update: (
      caller: Identity,
      id: ConversationId,
      metadata: Metadata,
      expected?: string
    ) => Effect.Effect<ConversationView, AdmissionRefusal | ManageError>
    readonly configure: (
      caller: Identity,
      id: ConversationId,
      settings: UpdateSettings,
      expected?: string
    ) => Effect.Effect<ConversationView, LimitedManageError>
    readonly mySettings: (caller: Identity, id: ConversationId) => Effect.Effect<MemberSettings, AskError>
    readonly updateMySettings: (
      caller: Caller,
      id: ConversationId,
      settings: UpdateMemberSettings
    ) => Effect.Effect<MemberSettings, LimitedManageError>
    /** For the caller: what there is now is gone for them, and the conversation until something new happens. */
    readonly clear: (caller: Caller, id: ConversationId) => Effect.Effect<void, ManageError>
    /** For everyone. */
    readonly close: (caller: Identity, id: ConversationId) => Effect.Effect<void, ManageError>
    /** In the order of user ids. */
    readonly members: (
      caller: Identity,
      id: ConversationId,
      page: { readonly after: UserId | undefined; readonly limit: number }
    ) => Effect.Effect<Page<MemberView>, AskError>
    /** `owner` makes them the owner in the caller's place. */
    readonly changeRole: (
      caller: Identity,
      id: ConversationId,
      userId: UserId,
      role: Role
    ) => Effect.Effect<MemberView, LimitedManageError>
    /** Answers those who were not members before. */
    readonly addMembers: (
      caller: Identity,
      id: ConversationId,
      input: AddMembers
    ) => Effect.Effect<ReadonlyArray<MemberView>, InvalidInput | LimitedManageError>
    /** Removing oneself is leaving. */
    readonly removeMember: (
      caller: Identity,
      id: ConversationId,
      userId: UserId
    ) => Effect.Effect<void, LimitedManageError>
    /**
     * For callers that keep many sends under way. Nearly always the message is queued, or refused, within the call:
     * then nothing is returned, and `answered` is called once, perhaps at once. Otherwise something must be waited for
     * first, in two steps: the outer effect admits the message; the inner one, when run, queues it at once and ends
     * when it is committed. Order is the order in which messages are queued.
     */
    readonly post: (
      caller: Caller,
      id: ConversationId,
      message: SendMessage,
      answered: (exit: Exit.Exit<Sent, SendError>) => void
    ) => Effect.Effect<Effect.Effect<Sent, SendError>, SendError> | undefined
    /** `post`, awaited: succeeds only after the message is committed. */
    readonly send: (
      caller: Caller,
      id: ConversationId,
      message: SendMessage
    ) => Effect.Effect<Sent, SendError>
    /** Two steps as `post` may have, and in one order with it. */
    readonly change: (
      caller: Caller,
      id: ConversationId,
      messageId: MessageId,
      change: Change
    ) => Effect.Effect<Effect.Effect<Changed, ChangeError>, ChangeError>
    /**
     * Attaches a medium to a stored message in the name of its sender; for services that were authenticated as such.
     * A medium that hangs there already stays as it is.
     */
    readonly linkMedia: (
      messageId: MessageId,
      attachment: NewAttachment
    ) => Effect.Effect<Message, ChangeError>
    /** The attachments of all messages, the latest first. */
    readonly attachments: (
      caller: Identity,
      id: ConversationId,
      page: { readonly before: AttachmentPlace | undefined; readonly limit: number }
    ) => Effect.Effect<Page<PlacedAttachment>, AskError>
    /** Newest pin first; as many as there may be. */
    readonly pins: (caller: Identity, id: ConversationId) => Effect.Effect<ReadonlyArray<Pin>, AskError>
    readonly history: (
      caller: Identity,
      id: ConversationId,
      page: History
    ) => Effect.Effect<MessagePage, AskError>
    /** In one conversation, or in all of one's own. */
    readonly search: (
      caller: Identity,
      id: ConversationId | undefined,
      wanted: { readonly text: string; readonly cursor: string | undefined; readonly limit: number }
    ) => Effect.Effect<SearchPage, InvalidInput | Limited | AskError>
    readonly message: (
      caller: Identity,
      id: ConversationId,
      messageId: MessageId
    ) => Effect.Effect<Message, NotFound | AskError>
    readonly join: (
      caller: Identity,
      id: ConversationId,
      lastSeq: number | undefined,
      /** This node's subscribers were handed events up to this number: a snapshot must not be older. Default 0. */
      seen?: number
    ) => Effect.Effect<Snapshot, Forbidden | UserBlocked | AskError>
    /** Succeeds only after the watermark is committed; answers where it stands now. */
    readonly markRead: (
      caller: Caller,
      id: ConversationId,
      upTo: UpToHere
    ) => Effect.Effect<ReadPosition, NotFound | AskError>
    readonly markDelivered: (
      caller: Caller,
      id: ConversationId,
      upTo: UpToHere
    ) => Effect.Effect<ReadPosition, NotFound | AskError>
    readonly typing: (
      caller: Caller,
      id: ConversationId,
      action: "start" | "stop"
    ) => Effect.Effect<void, Forbidden | Limited | AskError>
  }
>()("messaging-service/actors/conversation/Conversations") {}
