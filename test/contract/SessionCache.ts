/** What every `SessionCache` promises, given how long its leases last. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer } from "effect"
import type { DeviceId, SessionId, UserId } from "../../src/domain/Ids.ts"
import { type ConnectedSession, SessionCache } from "../../src/domain/ports/SessionCache.ts"
import * as Poll from "../support/Poll.ts"

const someone = () => crypto.randomUUID() as UserId

let count = 0
const session = (userId: UserId, device = "phone", address = "192.0.2.1"): ConnectedSession => ({
  userId,
  sessionId: crypto.randomUUID() as SessionId,
  deviceId: device as DeviceId,
  tokenId: crypto.randomUUID(),
  address,
  connectedAt: ++count
})

const limits = { devices: 2, connections: 3, perAddress: undefined }

const open = (connected: ConnectedSession, perAddress?: number) =>
  Effect.flatMap(SessionCache, (cache) => cache.open(connected, { ...limits, perAddress }))

const refusal = (connected: ConnectedSession, perAddress?: number) =>
  Effect.map(Effect.flip(open(connected, perAddress)), (error) => {
    if (error._tag === "Forbidden") return error.rule
    return error._tag === "RateLimited" ? [error.scope, error.limit] : error._tag
  })

/** An address that no other test connects from. */
const somewhere = () => `contract-${crypto.randomUUID()}`

export const contract = <E>(
  name: string,
  layerOf: (lease: Duration.Duration) => Layer.Layer<SessionCache, E>
): void => {
  /** Of which none ends during a test. */
  const layer = layerOf(Duration.hours(1))
  /** Long enough for a few commands on a busy machine. */
  const ending = layerOf(Duration.seconds(3))

  describe(`SessionCache: ${name}`, () => {
    it.live("lists a user's connections, oldest first, and nobody else's", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const [alice, bob] = [someone(), someone()]
        const [first, second, other] = [session(alice), session(alice, "laptop"), session(bob)]
        yield* Effect.forEach([second, other, first], (each) => open(each))
        assert.deepStrictEqual(yield* cache.list(alice), [first, second])
        assert.deepStrictEqual(yield* cache.list(bob), [other])
        yield* cache.close(first)
        yield* cache.close(first)
        assert.deepStrictEqual(yield* cache.list(alice), [second])
        assert.deepStrictEqual(yield* cache.list(someone()), [])
      }).pipe(Effect.provide(layer))
    )

    it.live("refuses a device, and a connection, too many, and takes them when one has gone", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const alice = someone()
        const phone = session(alice)
        yield* open(phone)
        yield* open(session(alice, "laptop"))
        assert.strictEqual(yield* refusal(session(alice, "watch")), "devices:limit")
        yield* open(session(alice))
        assert.strictEqual(yield* refusal(session(alice)), "connections:limit")
        yield* cache.close(phone)
        assert.strictEqual(yield* refusal(session(alice, "watch")), "devices:limit")
        yield* open(session(alice, "laptop"))
        assert.strictEqual((yield* cache.list(alice)).length, 3)
      }).pipe(Effect.provide(layer))
    )

    it.live("lets no more in than there are places, however many come at once", () =>
      Effect.gen(function* () {
        const alice = someone()
        const opened = yield* Effect.forEach(
          Array.from({ length: 50 }, () => session(alice)),
          (connected) => Effect.result(open(connected)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(opened.filter((result) => result._tag === "Success").length, limits.connections)
      }).pipe(Effect.provide(layer))
    )

    it.live("refuses a connection too many of one address, whosever it is, until one has gone", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const [here, elsewhere] = [somewhere(), somewhere()]
        const [first, second] = [session(someone(), "phone", here), session(someone(), "phone", here)]
        yield* open(first, 2)
        yield* open(second, 2)
        const newcomer = session(someone(), "phone", here)
        assert.deepStrictEqual(yield* refusal(newcomer, 2), ["address_sockets", 2])
        assert.deepStrictEqual(yield* cache.list(newcomer.userId), [])
        yield* open(session(newcomer.userId, "phone", elsewhere), 2)
        // Renewing takes nobody's place, and no second one.
        yield* cache.renew(second)
        yield* cache.close(first)
        yield* open(newcomer, 2)
        assert.deepStrictEqual(yield* refusal(session(someone(), "phone", here), 2), ["address_sockets", 2])
      }).pipe(Effect.provide(layer))
    )

    it.live("counts nobody at an address whom their own limits keep out, nor whose lease is over", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const [alice, here] = [someone(), somewhere()]
        for (const device of ["phone", "laptop"]) yield* open(session(alice, device, here), 3)
        assert.strictEqual(yield* refusal(session(alice, "watch", here), 3), "devices:limit")
        const bob = session(someone(), "phone", here)
        yield* open(bob, 3)
        assert.deepStrictEqual(yield* refusal(session(someone(), "phone", here), 3), ["address_sockets", 3])
        yield* Poll.until(
          Effect.gen(function* () {
            yield* cache.renew(bob)
            return (yield* cache.list(alice)).length === 0
          })
        )
        yield* open(session(alice, "watch", here), 2)
        assert.deepStrictEqual(yield* refusal(session(someone(), "phone", here), 2), ["address_sockets", 2])
      }).pipe(Effect.provide(ending))
    )

    it.live("lets no more of an address in than there are places, however many come at once", () =>
      Effect.gen(function* () {
        const here = somewhere()
        const opened = yield* Effect.forEach(
          Array.from({ length: 50 }, () => session(someone(), "phone", here)),
          (connected) => Effect.result(open(connected, 4)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(opened.filter((result) => result._tag === "Success").length, 4)
      }).pipe(Effect.provide(layer))
    )

    it.live("forgets what is not renewed, and keeps and changes what is", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const alice = someone()
        const [kept, left] = [session(alice), session(alice, "laptop")]
        yield* open(kept)
        yield* open(left)
        const renewed = { ...kept, tokenId: "newer" }
        yield* Poll.until(
          Effect.gen(function* () {
            yield* cache.renew(renewed)
            return (yield* cache.list(alice)).length === 1
          })
        )
        assert.deepStrictEqual(yield* cache.list(alice), [renewed])
        yield* open(session(alice, "watch"))
      }).pipe(Effect.provide(ending))
    )

    it.live("puts back what was lost", () =>
      Effect.gen(function* () {
        const cache = yield* SessionCache
        const connected = session(someone())
        yield* cache.renew(connected)
        assert.deepStrictEqual(yield* cache.list(connected.userId), [connected])
      }).pipe(Effect.provide(layer))
    )
  })
}
