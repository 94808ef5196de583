/** The places of this node's connections among those of all; what is shared is in memory here, and as slow as a test wants. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Layer } from "effect"
import type { Connected } from "../../../src/actors/session/Connected.ts"
import { Outbox } from "../../../src/actors/session/Outbox.ts"
import { RpcSession } from "../../../src/actors/session/RpcSession.ts"
import * as SessionRegister from "../../../src/actors/session/SessionRegister.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { type ConnectedSession, SessionCache } from "../../../src/domain/ports/SessionCache.ts"
import * as MemorySessionCache from "../../../src/layers/memory/MemorySessionCache.ts"
import * as NoRevocations from "../../support/NoRevocations.ts"
import { RecordingTransport } from "./RecordingTransport.ts"

const limits = { devices: 10, connections: 10, perAddress: 10 }

const identity: Identity = {
  userId: crypto.randomUUID() as UserId,
  deviceId: "phone" as DeviceId,
  tokenId: "token",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER
}

const sessionOf = ({ address, connectedAt, sessionId }: ConnectedSession): Connected =>
  new RpcSession({
    id: sessionId,
    address,
    connectedAt,
    identity,
    outbox: new Outbox(new RecordingTransport(), { soft: 1_000, hard: 1_000 }),
    fork: Effect.runFork,
    wentOn: () => {},
    turn: Effect.void,
    perform: () => Effect.void,
    maxStreams: 1
  })

/** This node knows of none by itself. */
const local = { all: () => [], ofUser: () => [], ofAddress: () => 0 }

const services = Layer.merge(MemorySessionCache.layer({ lease: Duration.minutes(2) }), NoRevocations.layer)

describe("SessionRegister", () => {
  it.effect("keeps no place for a connection that ended while it was being renewed", () =>
    Effect.gen(function* () {
      const cache = yield* SessionCache
      const renewing = yield* Latch.make(false)
      const slow = SessionCache.of({
        ...cache,
        renew: (session) => Effect.andThen(renewing.await, cache.renew(session))
      })
      const register = yield* SessionRegister.make(limits, local).pipe(
        Effect.provideService(SessionCache, slow)
      )
      const listed = Effect.map(cache.list(identity.userId), (all) => all.length)
      const [first, second] = [
        yield* register.admit(identity, "192.0.2.1"),
        yield* register.admit(identity, "192.0.2.1")
      ]
      const [ending, staying] = [sessionOf(first), sessionOf(second)]
      const updates = yield* Effect.forkChild(
        Effect.all([register.update(ending), register.update(staying)], { concurrency: 2 })
      )
      yield* Effect.yieldNow
      ending.end()
      yield* register.release(first)
      assert.strictEqual(yield* listed, 1)
      yield* renewing.open
      yield* Fiber.join(updates)
      assert.deepStrictEqual(
        (yield* cache.list(identity.userId)).map(({ sessionId }) => sessionId),
        [second.sessionId]
      )
    }).pipe(Effect.provide(services))
  )

  it.effect("knows the token that a connection goes on with, whichever of two renewals comes last", () =>
    Effect.gen(function* () {
      const cache = yield* SessionCache
      const renewing = yield* Latch.make(false)
      const slow = SessionCache.of({
        ...cache,
        renew: (session) =>
          Effect.andThen(
            session.tokenId === identity.tokenId ? renewing.await : Effect.void,
            cache.renew(session)
          )
      })
      const register = yield* SessionRegister.make(limits, local).pipe(
        Effect.provideService(SessionCache, slow)
      )
      const session = sessionOf(yield* register.admit(identity, "192.0.2.1"))
      const former = yield* Effect.forkChild(register.update(session), { startImmediately: true })
      session.goOnAs({ ...identity, tokenId: "newer" })
      yield* register.update(session)
      yield* renewing.open
      yield* Fiber.join(former)
      assert.deepStrictEqual(
        (yield* cache.list(identity.userId)).map(({ tokenId }) => tokenId),
        ["newer"]
      )
    }).pipe(Effect.provide(services))
  )
})
