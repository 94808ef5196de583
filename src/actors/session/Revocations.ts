/**
 * Revoking tokens, for every edge: kept for all nodes first, then told to them, so that each closes the sockets that
 * were opened with such a token and forgets what it believed of it. A node that may have missed one puts back what may
 * have been lost, and asks again about everybody who is connected.
 */
import { Context, Effect, Latch, Layer, Schedule } from "effect"
import type { Overloaded, Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { type AuditEvent, AuditLog } from "../../domain/ports/AuditLog.ts"
import { Broker } from "../../domain/ports/Broker.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import { covers, type Revocation } from "../../domain/Revocation.ts"
import { type Subscriber, TopicHub } from "../topic/TopicHub.ts"
import type { Connected } from "./Connected.ts"
import { Sessions } from "./Sessions.ts"

/** No client can join it: it names nothing. */
const TOPIC = "revocations"
const EVENT = "revoked"

/** Questions to Redis at a time, when all sessions are asked about. */
const CONCURRENCY = 200

const retry = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered
)

const onRecord = (revocation: Revocation): Pick<AuditEvent, "action" | "targets"> => {
  switch (revocation.kind) {
    case "token":
      return { action: "token.revoked", targets: [{ type: "token", id: revocation.token_id }] }
    case "device":
      return {
        action: "device.revoked",
        targets: [
          { type: "user", id: revocation.user_id },
          { type: "device", id: revocation.device_id }
        ]
      }
    case "user":
      return { action: "token.revoked", targets: [{ type: "user", id: revocation.user_id }] }
  }
}

export class Revocations extends Context.Service<
  Revocations,
  {
    /** When it answers, no node but one that is cut off believes such a token, and its sockets are being closed. */
    readonly revoke: (by: Identity, revocation: Revocation) => Effect.Effect<void, Overloaded | Unavailable>
    /** Looks for what was missed; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/session/Revocations") {}

export const layer = Layer.effect(
  Revocations,
  Effect.gen(function* () {
    const broker = yield* Broker
    const hub = yield* TopicHub
    const sessions = yield* Sessions
    const tokens = yield* TokenRevocations
    const audit = yield* AuditLog
    const mayHaveMissed = Latch.makeUnsafe(false)
    const mayBeLost = Latch.makeUnsafe(false)

    const close = (revocation: Revocation): void => {
      const meant = revocation.kind === "token" ? sessions.all() : sessions.ofUser(revocation.user_id)
      for (const session of meant) if (covers(revocation, session.caller.identity)) session.revoked()
    }

    const subscriber: Subscriber = {
      deliver: ({ payload }) => {
        // Written by `revoke`, here or on another node, and by nobody else.
        const revocation = JSON.parse(payload) as Revocation
        tokens.heard(revocation)
        close(revocation)
      },
      inDoubt: () => {
        tokens.inDoubt()
        mayHaveMissed.openUnsafe()
        mayBeLost.openUnsafe()
      }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => hub.subscribe(TOPIC, subscriber)),
      () => Effect.sync(() => hub.unsubscribe(TOPIC, subscriber))
    )

    const ask = (session: Connected) =>
      // Not `check`: a policy's yes, given while Redis is on its way back, would leave the doubt as it is.
      tokens.confirm(session.caller.identity).pipe(
        Effect.catchTag("TokenRejected", () => Effect.sync(() => session.revoked())),
        Effect.retry(retry),
        Effect.orDie
      )

    const askAll = Effect.suspend(() => {
      mayHaveMissed.closeUnsafe()
      return Effect.forEach(Array.from(sessions.all()), ask, { concurrency: CONCURRENCY, discard: true })
    })

    /** Beside the asking: a Redis that is full still answers what is read. */
    const restore = Effect.suspend(() => {
      mayBeLost.closeUnsafe()
      return Effect.orDie(Effect.retry(tokens.restore, retry))
    })

    return Revocations.of({
      revoke: Effect.fn("Revocations.revoke")(function* (by, revocation) {
        yield* tokens.revoke(revocation)
        broker.publish({
          topic: TOPIC,
          event: EVENT,
          payload: JSON.stringify(revocation),
          seq: null,
          except: null
        })
        audit.note({ ...onRecord(revocation), actor: by.userId, outcome: "done" })
      }),
      run: Effect.raceFirst(
        Effect.forever(Effect.andThen(mayHaveMissed.await, askAll)),
        Effect.forever(Effect.andThen(mayBeLost.await, restore))
      )
    })
  })
)
