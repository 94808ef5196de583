/**
 * Tells people of messages that nobody shows them: members of whom no device is connected to any node, through the
 * Notifications port, unless they want no notifications; and, on their user channels, members whom a message mentions.
 * Who has muted the conversation is told neither way.
 *
 * Off the path of a send: an actor only notes the message; the loop, a worker of the tree, does the rest in batches.
 * What does not fit is dropped and counted: a notification is a courtesy, the message waits in the queue.
 */
import { Clock, Context, Duration, Effect, Latch, Layer, Metric, Schedule } from "effect"
import type { State } from "../../domain/Conversation.ts"
import { isMuted } from "../../domain/ConversationSettings.ts"
import type { UserId } from "../../domain/Ids.ts"
import type { Message } from "../../domain/Message.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { type MessageNotification, Notifications } from "../../domain/ports/Notifications.ts"
import { UserPreferences } from "../../domain/ports/UserPreferences.ts"
import * as Topic from "../../domain/Topic.ts"
import * as Events from "../conversation/ConversationEvents.ts"

export interface NotifierOptions {
  /** Messages waiting to be told of. */
  readonly capacity: number
}

/** The least time between two batches. */
const PACE = Duration.millis(100)
const BATCH = 100
/**
 * Members of the conversations of one batch at the most, unless one message alone has more: their ids are most of what is
 * sent, and a peer takes 4 MiB in one call unless it was told otherwise.
 */
const BATCH_MEMBERS = 50_000
/** Characters of a preview. */
const PREVIEW = 140
/** A peer that is away is given this long. */
const retries = { schedule: Schedule.exponential("500 millis").pipe(Schedule.jittered), times: 6 }

const sent = Metric.counter("notifications_total", {
  description: "Users told of a message while no device of theirs was connected",
  incremental: true
})
const dropped = Metric.counter("notifications_dropped_total", {
  description:
    "Messages of which absent members were not told: too many waited, or the peer was away too long",
  incremental: true
})

interface Noted {
  readonly message: Message
  readonly members: State["members"]
  readonly mentioned: ReadonlyArray<UserId>
}

export class Notifier extends Context.Service<
  Notifier,
  {
    /** Notes a new message. Never fails, never waits. */
    readonly committed: (state: State, message: Message) => void
    readonly depth: () => number
    /** The loop; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/user/Notifier") {}

/** Members, each once, as their ids are written here: those of some clients come in capitals. */
const mentionsOf = ({ metadata, sender_id }: Message, members: State["members"]): ReadonlyArray<UserId> => {
  const { mentions } = metadata
  if (!Array.isArray(mentions)) return []
  const named = new Set(mentions.map((id) => String(id).toLowerCase() as UserId))
  return Array.from(named).filter((id) => id !== sender_id && members.has(id))
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff

/** Not cut through a character that JavaScript writes as two. */
const previewOf = ({ content, metadata }: Message): string => {
  if (content === null || metadata.encoding !== undefined) return ""
  const end = isHighSurrogate(content.charCodeAt(PREVIEW - 1)) ? PREVIEW - 1 : PREVIEW
  return content.slice(0, end)
}

export const layer = ({ capacity }: NotifierOptions) =>
  Layer.effect(
    Notifier,
    Effect.gen(function* () {
      const notifications = yield* Notifications
      const preferences = yield* UserPreferences
      const broker = yield* Broker
      const clock = yield* Clock.Clock
      const filled = Latch.makeUnsafe(false)
      const noted: Array<Noted> = []
      let overflowed = 0

      const committed = (state: State, message: Message): void => {
        const mentioned = mentionsOf(message, state.members)
        if (!notifications.isConfigured && mentioned.length === 0) return
        if (noted.length >= capacity) return void overflowed++
        if (noted.push({ message, members: state.members, mentioned }) === 1) filled.openUnsafe()
      }

      const othersOf = ({ members, message }: Noted): ReadonlyArray<UserId> =>
        Array.from(members.keys()).filter((id) => id !== message.sender_id)

      const notificationOf = Effect.fnUntraced(function* (one: Noted, live: ReadonlySet<string>) {
        const { mentioned, message } = one
        const away = othersOf(one).filter((id) => !live.has(Topic.ofUser(id)))
        if (away.length === 0) return []
        const recipientIds = yield* preferences.notifiable(message.conversation_id, away)
        if (recipientIds.length === 0) return []
        const notification: MessageNotification = {
          messageId: message.id,
          conversationId: message.conversation_id,
          senderId: message.sender_id,
          recipientIds,
          mentionedIds: mentioned.filter((id) => recipientIds.includes(id)),
          messageType: message.message_type,
          preview: previewOf(message)
        }
        return [notification]
      })

      const notify = Effect.fnUntraced(function* (batch: ReadonlyArray<Noted>) {
        const topics = new Set(batch.flatMap((one) => othersOf(one).map(Topic.ofUser)))
        const live = yield* broker.heard(Array.from(topics))
        const made = (yield* Effect.forEach(batch, (one) => notificationOf(one, live))).flat()
        if (made.length === 0) return
        yield* notifications.send(made)
        yield* Metric.update(
          sent,
          made.reduce((count, { recipientIds }) => count + recipientIds.length, 0)
        )
      })

      /** How many of those that wait are told of next: at least one. */
      const batchSize = (): number => {
        let members = 0
        const end = noted.findIndex((one, i) => {
          members += one.members.size
          return i > 0 && (i === BATCH || members > BATCH_MEMBERS)
        })
        return end === -1 ? noted.length : end
      }

      const turn = Effect.suspend(() => {
        const batch = noted.splice(0, batchSize())
        if (noted.length === 0) filled.closeUnsafe()
        const now = clock.currentTimeMillisUnsafe()
        for (const { members, mentioned, message } of batch) {
          for (const userId of mentioned) {
            const member = members.get(userId)
            if (member === undefined || isMuted(member.settings, now)) continue
            broker.publish(Events.mentioned(userId, message))
          }
        }
        const lost = overflowed
        overflowed = 0
        const told = notifications.isConfigured ? Effect.retry(notify(batch), retries) : Effect.void
        return Effect.catch(told, () => Metric.update(dropped, batch.length)).pipe(
          Effect.andThen(Metric.update(dropped, lost))
        )
      })

      return Notifier.of({
        committed,
        depth: () => noted.length,
        run: filled.await.pipe(Effect.andThen(Effect.sleep(PACE)), Effect.andThen(turn), Effect.forever)
      })
    })
  )
