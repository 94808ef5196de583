/**
 * The application service that peer services enter by, beside `Conversations`, which is for users: both go to the same
 * actors. A peer acts by its own authority, not by a member's role; what it tells of is applied once, however often it
 * is told. Who the peer is has been verified by the edge.
 */
import { Clock, Context, Effect, Layer } from "effect"
import {
  type Conflict,
  type Forbidden,
  InvalidInput,
  NotFound,
  type NotMember,
  type Overloaded,
  type Unavailable
} from "../../domain/Errors.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type {
  ConversationEvent,
  ConversationStats,
  GroupCreation,
  MemberAdded,
  MemberRemoved,
  Peer,
  SettingsChanged
} from "../../domain/PeerCommands.ts"
import { type AuditDetails, AuditLog } from "../../domain/ports/AuditLog.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as Events from "./ConversationEvents.ts"
import { ConversationRegistry } from "./ConversationRegistry.ts"
import { type Figures, Statuses } from "./Statuses.ts"

export type PeerError = NotFound | Overloaded | Unavailable

export class PeerConversations extends Context.Service<
  PeerConversations,
  {
    /** Whether it changed anything: false for what had been so already. */
    readonly apply: (
      peer: Peer,
      event: ConversationEvent
    ) => Effect.Effect<boolean, Conflict | Forbidden | InvalidInput | PeerError>
    readonly createGroup: (
      group: GroupCreation
    ) => Effect.Effect<
      { readonly id: ConversationId; readonly created: boolean },
      Conflict | InvalidInput | PeerError
    >
    /** Only what is asked for; all when nothing is named, of a user only where one is. */
    readonly stats: (
      request: ConversationStats
    ) => Effect.Effect<Figures, InvalidInput | NotFound | NotMember | Unavailable>
  }
>()("messaging-service/actors/conversation/PeerConversations") {}

const noUser = new InvalidInput({
  issues: [{ path: "user_id", message: "unread_count is a user's: say whose" }]
})

/** To a member these are one; a peer may know that there is no such conversation. */
const notFound = () => Effect.fail(new NotFound({ what: "conversation" }))

export const layer = Layer.effect(
  PeerConversations,
  Effect.gen(function* () {
    const registry = yield* ConversationRegistry
    const store = yield* ConversationStore
    const statuses = yield* Statuses
    const broker = yield* Broker
    const { note } = yield* AuditLog

    /** No user did it: who is on record is the peer. */
    const record = (peer: Peer, event: MemberAdded | MemberRemoved, details: AuditDetails = {}) =>
      Effect.sync(() =>
        note({
          action: event.event_type === "member_added" ? "member.added" : "member.removed",
          outcome: "done",
          targets: [
            { type: "conversation", id: event.conversation_id },
            { type: "user", id: event.user_id }
          ],
          details: { peer: peer.name, ...details }
        })
      )

    const addMember = Effect.fnUntraced(function* (peer: Peer, event: MemberAdded) {
      const { metadata, user_id: userId } = event
      const role = metadata.role ?? "member"
      const added = yield* registry.ask(event.conversation_id, "AddMembers", {
        by: metadata.added_by ?? userId,
        authority: "peer",
        userIds: [userId],
        role,
        at: yield* Clock.currentTimeMillis
      })
      if (added.length === 0) return false
      yield* record(peer, event, { role })
      return true
    })

    const removeMember = Effect.fnUntraced(
      function* (peer: Peer, event: MemberRemoved) {
        const { conversation_id, metadata, user_id: userId } = event
        yield* registry.ask(conversation_id, "RemoveMember", {
          by: metadata.removed_by ?? userId,
          authority: "peer",
          userId,
          at: yield* Clock.currentTimeMillis
        })
        yield* record(peer, event)
        return true
      },
      Effect.catchTag("NotFound", (error) =>
        error.what === "member" ? Effect.succeed(false) : Effect.fail(error)
      )
    )

    const changeSettings = Effect.fnUntraced(function* ({ conversation_id, metadata }: SettingsChanged) {
      const at = yield* Clock.currentTimeMillis
      return yield* registry.ask(conversation_id, "Merge", { metadata, at })
    })

    const applied = (peer: Peer, event: ConversationEvent) => {
      switch (event.event_type) {
        case "member_added":
          return addMember(peer, event)
        case "member_removed":
          return removeMember(peer, event)
        case "settings_changed":
          return changeSettings(event)
      }
    }

    return PeerConversations.of({
      apply: (peer, event) => applied(peer, event).pipe(Effect.catchTag("NotMember", notFound)),

      createGroup: Effect.fn("PeerConversations.createGroup")(function* (group) {
        const creator = group.creator_id
        const memberIds = Array.from(new Set([creator, ...group.member_ids]))
        const { created, id } = yield* store.create({
          id: newId() as ConversationId,
          type: "group",
          creator,
          memberIds,
          metadata: { ...group.settings, ...(group.group_name === "" ? {} : { name: group.group_name }) },
          externalGroupId: group.group_id,
          createdAt: yield* Clock.currentTimeMillis
        })
        if (created) {
          const { conversation } = yield* registry
            .ask(id, "Snapshot", { userId: creator, withPositions: false })
            .pipe(Effect.catchTag("NotMember", notFound))
          for (const userId of memberIds) broker.publish(Events.conversationCreated(userId, conversation))
        }
        return { id, created }
      }),

      stats: Effect.fn("PeerConversations.stats")(function* (request) {
        const { conversation_id: id, metrics } = request
        const userId = request.user_id === "" ? undefined : request.user_id
        if (userId === undefined && metrics.includes("unread_count")) return yield* noUser
        return yield* statuses.figures(id, metrics, userId)
      })
    })
  })
)
