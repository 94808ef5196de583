/**
 * Conversations in memory, for tests of what stands before them: everybody is a member, sends are numbered and told
 * to the topic's subscribers. Joins and commits wait for gates that tests hold.
 */
import { Deferred, Effect, Layer } from "effect"
import { newMessage, typing } from "../../../src/actors/conversation/ConversationEvents.ts"
import { Conversations, type Snapshot } from "../../../src/actors/conversation/Conversations.ts"
import { defaultMemberSettings, defaultSettings } from "../../../src/domain/ConversationSettings.ts"
import { NotMember } from "../../../src/domain/Errors.ts"
import type { ConversationId, MessageId } from "../../../src/domain/Ids.ts"
import type { Message } from "../../../src/domain/Message.ts"
import { Broker } from "../../../src/domain/ports/Broker.ts"

const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`

export const conversation = (n: number) => uuid(1000 + n) as ConversationId
export const topic = (n: number) => `conversation:${conversation(n)}`
/** Messages in a join reply at the most. */
const PAGE = 5
/** Nobody may join this one; a join of the other dies. */
export const CLOSED = conversation(403)
export const CRASHING = conversation(500)

export class Control {
  readonly log = new Map<ConversationId, Array<Message>>()
  /** While set, joins (commits) wait for it. */
  joinGate: Deferred.Deferred<void> | undefined
  commitGate: Deferred.Deferred<void> | undefined
  /** A send of this content makes the channel crash. */
  readonly crash = "crash!"
  posted = 0
  /** Joins begun. */
  joins = 0
  /** Messages that the owner who answers joins has not heard of yet. */
  unheard = 0
  /** Up to which number each join says that events exist. */
  readonly seen: Array<number | undefined> = []

  of(id: ConversationId): Array<Message> {
    let log = this.log.get(id)
    if (log === undefined) this.log.set(id, (log = []))
    return log
  }
}

const passed = (gate: () => Deferred.Deferred<void> | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    const held = gate()
    return held === undefined ? Effect.void : Deferred.await(held)
  })

export const layer = (control: Control) =>
  Layer.unwrap(
    Effect.map(Broker, (broker) =>
      Layer.mock(Conversations, {
        join: (_caller, id, lastSeq, seen) =>
          Effect.gen(function* () {
            control.joins++
            control.seen.push(seen)
            yield* passed(() => control.joinGate)
            if (id === CLOSED) return yield* new NotMember()
            if (id === CRASHING) return yield* Effect.die(new Error("the join died"))
            const all = control.of(id)
            const messages = all.slice(0, all.length - control.unheard)
            const now = new Date(0).toISOString()
            return {
              conversation: {
                id,
                type: "group",
                external_group_id: null,
                metadata: {},
                settings: defaultSettings,
                is_active: true,
                member_count: 1,
                last_seq: messages.length,
                created_at: now,
                updated_at: now
              },
              role: "member",
              my_settings: defaultMemberSettings,
              cleared_seq: 0,
              current_seq: messages.length,
              resumed: lastSeq !== undefined,
              messages: messages.slice(lastSeq ?? 0, (lastSeq ?? 0) + PAGE),
              has_more: messages.length > (lastSeq ?? 0) + PAGE,
              read_receipts: true,
              read_positions: {},
              hidden_ids: []
            } satisfies Snapshot
          }),
        post: ({ identity }, id, input) =>
          Effect.suspend(() => {
            if (input.content === control.crash) return Effect.die(new Error("the send died"))
            control.posted++
            const messages = control.of(id)
            const seq = messages.length + 1
            const message: Message = {
              id: uuid(seq) as MessageId,
              conversation_id: id,
              seq,
              version_seq: seq,
              sender_id: identity.userId,
              reply_to_id: null,
              message_type: "text",
              content: input.content,
              metadata: {},
              client_random: input.client_random,
              sent_at: new Date(0).toISOString(),
              edited_at: null,
              edit_count: 0,
              expires_at: null,
              is_deleted: false,
              is_pinned: false,
              reactions: [],
              attachments: []
            }
            messages.push(message)
            return Effect.succeed(
              Effect.map(
                passed(() => control.commitGate),
                () => {
                  broker.publish(newMessage(message))
                  return { message_id: message.id, seq, sent_at: message.sent_at, duplicate: false }
                }
              )
            )
          }),
        typing: ({ identity, sessionId }, id, action) =>
          Effect.sync(() => broker.publish(typing(id, identity.userId, action, sessionId)))
      })
    )
  )
