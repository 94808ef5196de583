/** Calls of a peer that is slow, hangs, refuses, dies in the middle or answers rubbish. */
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import { Duration, Effect, Fiber, References } from "effect"
import * as Peer from "../../../src/layers/grpc/Peer.ts"
import * as FakePeer from "../../support/FakePeer.ts"
import * as Poll from "../../support/Poll.ts"

const request = { user_id: "a", conversation_id: "c", action: "join" }
const granted = { access_granted: true }

const connect = Effect.fnUntraced(function* (
  fake: FakePeer.FakePeer,
  options: Partial<Peer.PeerOptions> = {}
) {
  const peer = yield* Peer.make("user.UserService", "user.proto", "user service", {
    url: fake.url,
    files: { ca: undefined, cert: undefined, key: undefined },
    timeout: Duration.seconds(5),
    maxCalls: 10,
    ...options
  })
  yield* Effect.forkScoped(Effect.provideService(peer.run, References.MinimumLogLevel, "None"))
  return {
    ...peer,
    ask: (idempotent = true) => peer.call("ValidateConversationAccess", request, { idempotent })
  }
})

const make = Effect.fnUntraced(function* (options?: Partial<Peer.PeerOptions>) {
  const fake = yield* FakePeer.make("user.UserService")
  fake.behave(() => granted)
  return { fake, peer: yield* connect(fake, options) }
})

describe("A call of a peer", () => {
  it.live("is answered, by the types of the contract", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      assert.deepStrictEqual(yield* peer.ask(), { access_granted: true, reason: "", permissions: {} })
      assert.deepStrictEqual(fake.asked, [{ method: "ValidateConversationAccess", request }])
      assert.deepStrictEqual(yield* peer.check, { status: "up" })
    })
  )

  it.live("is part of the trace of the work that it is made for", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      const { traceId } = yield* Effect.withSpan("work")(Effect.andThen(peer.ask(), Effect.currentSpan))
      assert.match(String(fake.heads[0]?.traceparent), new RegExp(`^00-${traceId}-[0-9a-f]{16}-0[01]$`))
    })
  )

  it.live("that the peer refuses is no failure of the peer", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => ({ refuse: status.NOT_FOUND }))
      for (let i = 0; i < 10; i++) {
        assert.deepInclude(yield* Effect.flip(peer.ask()), { _tag: "PeerRefused", code: status.NOT_FOUND })
      }
      assert.lengthOf(fake.asked, 10)
      assert.deepStrictEqual(yield* peer.check, { status: "up" })
    })
  )

  it.live("that hangs, or is too slow, ends at its deadline, and is tried once", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make({ timeout: Duration.seconds(1) })
      // Connecting takes of a call's time, too.
      yield* Poll.until(peer.ask(), { what: "a connection" })
      const before = fake.asked.length
      const late = () => new Promise<typeof granted>((resolve) => setTimeout(() => resolve(granted), 4_000))
      for (const behaviour of [() => "hang" as const, late]) {
        fake.behave(behaviour)
        assert.strictEqual((yield* Effect.flip(peer.ask()))._tag, "Unavailable")
      }
      assert.lengthOf(fake.asked, before + 2)
    })
  )

  it.live("that fails for a moment is tried again, where that is harmless", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => (fake.asked.length < 3 ? { refuse: status.UNAVAILABLE } : granted))
      assert.isTrue((yield* peer.ask()).access_granted)
      assert.lengthOf(fake.asked, 3)
    })
  )

  it.live("that might be done twice is not tried again", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => ({ refuse: status.UNAVAILABLE }))
      assert.strictEqual((yield* Effect.flip(peer.ask(false)))._tag, "Unavailable")
      assert.lengthOf(fake.asked, 1)
    })
  )

  it.live("of a peer that dies in the middle ends, and the next one finds the peer that came back", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => "die")
      assert.strictEqual((yield* Effect.flip(peer.ask()))._tag, "Unavailable")
      yield* Poll.until(async () => (await Effect.runPromise(peer.check)).status === "degraded", {
        what: "a peer that is missed"
      })
      fake.behave(() => granted)
      yield* fake.start
      yield* Poll.until(async () => (await Effect.runPromise(peer.check)).status === "up", {
        what: "a peer that is back"
      })
      assert.isTrue((yield* peer.ask()).access_granted)
    })
  )

  it.live("that is answered with rubbish is unavailable", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => FakePeer.rubbish)
      assert.strictEqual((yield* Effect.flip(peer.ask()))._tag, "Unavailable")
    })
  )

  it.live("is not made at all after five failures in a row, until the peer is given another chance", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make()
      fake.behave(() => ({ refuse: status.INTERNAL }))
      for (let i = 0; i < 8; i++) assert.strictEqual((yield* Effect.flip(peer.ask()))._tag, "Unavailable")
      assert.lengthOf(fake.asked, 5)
      assert.deepStrictEqual(yield* peer.check, { status: "degraded", detail: "fails" })
      fake.behave(() => granted)
      // Whoever asks after the pause is the probe; its success closes the circuit.
      yield* Poll.until(async () => (await Effect.runPromise(Effect.exit(peer.ask())))._tag === "Success", {
        what: "a circuit that closes"
      })
      assert.deepStrictEqual(yield* peer.check, { status: "up" })
    })
  )

  it.live("beyond as many as may be under way fails at once, and holds nobody up", () =>
    Effect.gen(function* () {
      const { fake, peer } = yield* make({ maxCalls: 2 })
      fake.behave(() => "hang")
      const hanging = [yield* Effect.forkChild(peer.ask()), yield* Effect.forkChild(peer.ask())]
      yield* Poll.until(async () => fake.asked.length === 2, { what: "two calls under way" })
      assert.strictEqual((yield* Effect.flip(peer.ask()))._tag, "Unavailable")
      assert.lengthOf(fake.asked, 2)
      yield* Effect.forEach(hanging, Fiber.interrupt)
      fake.behave(() => granted)
      assert.isTrue((yield* peer.ask()).access_granted)
    })
  )
})
