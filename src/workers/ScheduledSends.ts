/**
 * Sends messages whose time has come, as their senders: through `Conversations` like any message, so that what forbids
 * a send forbids it at that moment (a sender who is no member any more, a full quota).
 *
 * Any node may do it, several at once: each takes what no other has. Whoever takes a message and dies leaves it to be
 * taken again; its `client_random` makes that one message, whether the first attempt had come to its end or not.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { Conversations, type SendError } from "../actors/conversation/Conversations.ts"
import type { SendMessage } from "../domain/Commands.ts"
import type { Caller } from "../domain/Identity.ts"
import { DeviceId } from "../domain/Ids.ts"
import { type DueMessage, ScheduleStore } from "../domain/ports/ScheduleStore.ts"
import { toWire } from "../domain/Refusal.ts"
import type { ScheduledMessage } from "../domain/Scheduled.ts"

export interface ScheduledSendsOptions {
  /** Between two looks for what is due. */
  readonly interval: Duration.Input
  /** Messages of one look at the most; with more there is another look at once. */
  readonly batch: number
  /** How long what a node has taken is its own. */
  readonly claim: Duration.Input
}

/** Conversations sent to at the same time. */
const CONCURRENCY = 16
/** Between attempts while something needed is down. */
const RETRY = 5_000
/** After so long it has failed for good. */
const GIVE_UP_AFTER = 24 * 60 * 60 * 1000

const device = DeviceId.make("scheduled")

export class ScheduledSends extends Context.Service<
  ScheduledSends,
  {
    /** Works until it is interrupted; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/workers/ScheduledSends") {}

const callerOf = ({ scheduled, trust }: DueMessage, now: number): Caller => ({
  identity: {
    userId: scheduled.sender_id,
    deviceId: device,
    tokenId: scheduled.id,
    trust,
    scopes: [],
    issuedAt: now,
    expiresAt: now
  },
  sessionId: null
})

const messageOf = (scheduled: ScheduledMessage): SendMessage => ({
  content: scheduled.content,
  client_random: scheduled.client_random,
  message_type: scheduled.message_type,
  metadata: scheduled.metadata,
  reply_to_id: scheduled.reply_to_id,
  attachments: scheduled.attachments,
  ...(scheduled.expires_in === null ? {} : { expires_in: scheduled.expires_in })
})

/** When to try again (Unix ms), and whether this attempt may have been carried out; `undefined`: never. */
const retryOf = (error: SendError, now: number) => {
  switch (error._tag) {
    case "RateLimited":
      return { at: now + error.retryAfterMs, isInDoubt: false }
    case "UserBlocked":
      return { at: error.until, isInDoubt: false }
    case "Overloaded":
    case "Unavailable":
      return { at: now + RETRY, isInDoubt: true }
    default:
      return undefined
  }
}

const byConversation = (due: ReadonlyArray<DueMessage>) =>
  Map.groupBy(due, ({ scheduled }) => scheduled.conversation_id).values()

const make = Effect.fnUntraced(function* ({ batch, claim, interval }: ScheduledSendsOptions) {
  const store = yield* ScheduleStore
  const conversations = yield* Conversations
  const claimMillis = Duration.toMillis(claim)

  const refused = Effect.fnUntraced(function* ({ isInDoubt, scheduled }: DueMessage, error: SendError) {
    const now = yield* Clock.currentTimeMillis
    const retry = retryOf(error, now)
    if (retry !== undefined && now - Date.parse(scheduled.scheduled_for) < GIVE_UP_AFTER) {
      return yield* store.later(scheduled.id, retry.at, isInDoubt || retry.isInDoubt)
    }
    yield* store.failed(scheduled.id, toWire(error).reason)
  })

  const send = Effect.fnUntraced(function* (due: DueMessage) {
    const { scheduled } = due
    const caller = callerOf(due, yield* Clock.currentTimeMillis)
    yield* Effect.matchEffect(conversations.send(caller, scheduled.conversation_id, messageOf(scheduled)), {
      onSuccess: ({ message_id }) => store.sent(scheduled.id, message_id),
      onFailure: (error) => refused(due, error)
    })
  })

  /** Of one conversation, one after the other: they keep the order of their times. */
  const sendAll = (due: ReadonlyArray<DueMessage>) => Effect.forEach(due, send, { discard: true })

  /** True when it is worth looking again at once. */
  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const due = yield* store.take(now, now + claimMillis, batch)
    yield* Effect.forEach(byConversation(due), sendAll, { concurrency: CONCURRENCY, discard: true })
    return due.length === batch
  }).pipe(
    Effect.catch((error) => Effect.as(Effect.logWarning("Sending scheduled messages failed", error), false))
  )

  const run = sweep.pipe(
    Effect.flatMap((again) => (again ? Effect.void : Effect.sleep(interval))),
    Effect.forever
  )
  return ScheduledSends.of({ run })
})

export const layer = (options: ScheduledSendsOptions) => Layer.effect(ScheduledSends, make(options))
