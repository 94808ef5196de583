/**
 * `Conversations` on one node: every conversation's actor is in this process's registry. What is read is in `ConversationReading`,
 * how messages get to the actor in `ConversationWriting`; here is the rest.
 */
import { Clock, Effect, Layer } from "effect"
import type { UpToHere } from "../../domain/Commands.ts"
import { Conflict, Forbidden, InvalidInput } from "../../domain/Errors.ts"
import type { Caller, Identity } from "../../domain/Identity.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import type { Metadata } from "../../domain/Message.ts"
import { forbids } from "../../domain/Policy.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { UserDirectory } from "../../domain/ports/UserDirectory.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as Events from "./ConversationEvents.ts"
import { make as makeReading, snapshots } from "./ConversationReading.ts"
import { ConversationRegistry } from "./ConversationRegistry.ts"
import { Conversations } from "./Conversations.ts"
import { make as makeWriting } from "./ConversationWriting.ts"

const notTwo = new InvalidInput({
  issues: [{ path: "member_ids", message: "A direct conversation has exactly one other member" }]
})

/** What the caller once created under this name: they have left it, or it was deleted. */
const noLongerIn = new Conflict({ what: "the group of this external_group_id is no longer the caller's" })

export const layer = Layer.effect(
  Conversations,
  Effect.gen(function* () {
    const registry = yield* ConversationRegistry
    const store = yield* ConversationStore
    const admission = yield* Admission
    const broker = yield* Broker
    const directory = yield* UserDirectory
    const snapshotOf = snapshots(registry)
    const reading = yield* makeReading
    const writing = yield* makeWriting

    /** Nobody gets further than there are messages. */
    const seqOf = ({ identity }: Caller, id: ConversationId, { message_id, seq }: UpToHere) =>
      message_id === undefined || seq !== undefined
        ? Effect.succeed(seq ?? Number.MAX_SAFE_INTEGER)
        : Effect.map(reading.message(identity, id, message_id), (found) => found.seq)

    /** What a conversation is called is read by all its members, and counts like a message. */
    const admitMetadata = (caller: Identity, id: ConversationId, metadata: Metadata) =>
      Effect.map(
        wait(admission.message(caller, id, { content: "", metadata })),
        (admitted) => admitted.metadata
      )

    const admitChange = (caller: Identity) => wait(admission.act(caller, "change"))

    return Conversations.of({
      ...reading,
      ...writing,

      create: Effect.fn("Conversations.create")(function* (caller, input, decidedId) {
        const memberIds = Array.from(new Set([caller.userId, ...input.member_ids]))
        if (input.type === "direct" && memberIds.length !== 2) {
          return yield* notTwo
        }
        const action = input.type === "direct" ? "contact_add" : "group_creation"
        yield* wait(admission.act(caller, action))
        yield* directory.mayInvite(
          caller.userId,
          memberIds.filter((userId) => userId !== caller.userId)
        )
        const wantedId = decidedId ?? (newId() as ConversationId)
        const metadata =
          input.metadata === undefined ? {} : yield* admitMetadata(caller, wantedId, input.metadata)
        const { created, id } = yield* store.create({
          id: wantedId,
          type: input.type,
          creator: caller.userId,
          memberIds,
          metadata,
          externalGroupId: input.external_group_id ?? null,
          externalGroupCreator: input.external_group_id === undefined ? undefined : caller.userId,
          createdAt: yield* Clock.currentTimeMillis
        })
        if (!created) admission.undo(caller, action)
        const { conversation } = yield* snapshotOf(caller, id).pipe(
          Effect.catchTag("NotMember", () => Effect.fail(noLongerIn))
        )
        if (created)
          for (const userId of memberIds) broker.publish(Events.conversationCreated(userId, conversation))
        return { conversation, created }
      }),

      update: Effect.fnUntraced(function* (caller, id, wanted, expected) {
        const metadata = yield* admitMetadata(caller, id, wanted)
        const at = yield* Clock.currentTimeMillis
        return yield* registry.ask(id, "Update", {
          by: caller.userId,
          metadata,
          expected: expected ?? null,
          at
        })
      }),

      configure: (caller, id, settings, expected) =>
        Effect.andThen(
          admitChange(caller),
          registry.ask(id, "Configure", { by: caller.userId, settings, expected: expected ?? null })
        ),

      updateMySettings: (caller, id, settings) =>
        Effect.andThen(admitChange(caller.identity), registry.ask(id, "Prefer", { caller, settings })),

      clear: (caller, id) => registry.ask(id, "Clear", { caller }),

      close: Effect.fn("Conversations.close")(function* (caller, id) {
        const at = yield* Clock.currentTimeMillis
        yield* registry.ask(id, "Close", { by: caller.userId, at })
      }),

      changeRole: (caller, id, userId, role) =>
        Effect.andThen(
          admitChange(caller),
          registry.ask(id, "ChangeRole", { by: caller.userId, userId, role })
        ),

      addMembers: Effect.fn("Conversations.addMembers")(function* (caller, id, input) {
        const { conversation, role } = yield* snapshotOf(caller, id)
        const as = input.role ?? "member"
        // Who may add nobody is not told whom the user service would let them add either.
        const rule =
          forbids(role, "add_member", conversation.type, conversation.settings) ??
          (as === "member"
            ? undefined
            : forbids(role, "grant_role", conversation.type, conversation.settings))
        if (rule !== undefined) return yield* new Forbidden({ rule })
        yield* wait(admission.act(caller, "contact_add"))
        const userIds = Array.from(new Set(input.user_ids))
        yield* directory.mayInvite(caller.userId, userIds)
        const at = yield* Clock.currentTimeMillis
        return yield* registry.ask(id, "AddMembers", {
          by: caller.userId,
          authority: "member",
          userIds,
          role: as,
          at
        })
      }),

      removeMember: Effect.fn("Conversations.removeMember")(function* (caller, id, userId) {
        // Nobody is kept where they want to leave.
        if (userId !== caller.userId) yield* admitChange(caller)
        const at = yield* Clock.currentTimeMillis
        yield* registry.ask(id, "RemoveMember", { by: caller.userId, authority: "member", userId, at })
      }),

      markRead: (caller, id, upTo) =>
        Effect.flatMap(seqOf(caller, id, upTo), (seq) =>
          registry.ask(id, "Advance", { caller, kind: "read", seq })
        ),

      markDelivered: (caller, id, upTo) =>
        Effect.flatMap(seqOf(caller, id, upTo), (seq) =>
          registry.ask(id, "Advance", { caller, kind: "delivered", seq })
        ),

      typing: Effect.fnUntraced(function* (caller, id, action) {
        if (action === "start") yield* wait(admission.act(caller.identity, "typing"))
        return yield* registry.ask(id, "Typing", { caller, action })
      })
    })
  })
)
