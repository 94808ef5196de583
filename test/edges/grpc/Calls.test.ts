/** What is true of every gRPC call, whatever it asks for. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Metric, Result, Scope } from "effect"
import { IpNetwork } from "effect/net"
import * as Errors from "../../../src/domain/Errors.ts"
import { Admission } from "../../../src/domain/ports/Admission.ts"
import * as GrpcClient from "../../support/GrpcClient.ts"
import * as NoLimits from "../../support/NoLimits.ts"
import { type EdgeOptions, serve } from "./GrpcEdge.ts"

const SERVICE = "messaging.MessagingService"

const peer = Effect.fnUntraced(function* (options: EdgeOptions) {
  const { port } = yield* serve(options)
  const { call } = yield* GrpcClient.connect({ port })
  const request = { conversation_id: randomUUID(), event_type: "settings_changed", metadata: { a: "b" } }
  return (context: GrpcClient.CallContext = { token: "service" }) =>
    call(SERVICE, "NotifyConversationEvent", request, context)
})

/** Work that never ends, and says when it began and when it was interrupted. */
const endless = Effect.gen(function* () {
  const began = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const work = Effect.andThen(Deferred.succeed(began, undefined), Effect.never).pipe(
    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
  )
  return { began: Deferred.await(began), interrupted: Deferred.await(interrupted), work }
})

/** How many calls were answered with a status, by the metric that operators see. */
const answered = (code: keyof typeof status) =>
  Effect.map(Metric.snapshot, (snapshots) => {
    const found = snapshots.find(
      ({ attributes, id }) => id === "grpc_server_calls_total" && attributes?.status === code
    )
    return found?.type === "Counter" ? Number(found.state.count) : 0
  })

describe("A gRPC call", () => {
  const refusals: ReadonlyArray<readonly [Errors.Refusal, status, string, string?]> = [
    [new Errors.Forbidden({ rule: "x" }), status.PERMISSION_DENIED, "forbidden"],
    [new Errors.NotFound({ what: "conversation" }), status.NOT_FOUND, "not_found"],
    [new Errors.Conflict({ what: "x" }), status.ABORTED, "conflict"],
    [new Errors.Overloaded({ what: "x" }), status.RESOURCE_EXHAUSTED, "overloaded", "1000"],
    [
      new Errors.Unavailable({ what: "database", cause: new Error("password=hunter2") }),
      status.UNAVAILABLE,
      "unavailable",
      "1000"
    ]
  ]
  it.live("that is refused has the status of the one table, the reason, and when to come back", () =>
    Effect.gen(function* () {
      let refusal: Errors.Refusal = refusals[0]![0]
      // What the edge maps does not depend on which method may refuse with what.
      const apply = () => Effect.fail(refusal as Errors.NotFound)
      const call = yield* peer({ conversations: { apply } })
      for (const [error, code, reason, pushback] of refusals) {
        refusal = error
        const refused = yield* Effect.flip(call())
        assert.strictEqual(refused.code, code)
        assert.deepStrictEqual(refused.metadata.get("reason"), [reason])
        assert.deepStrictEqual(refused.metadata.get("grpc-retry-pushback-ms")[0], pushback)
        assert.notInclude(JSON.stringify(refused), "hunter2")
      }
    })
  )

  it.live("that breaks the server's code says nothing of it", () =>
    Effect.gen(function* () {
      const call = yield* peer({ conversations: { apply: () => Effect.die(new Error("SELECT secret")) } })
      const error = yield* Effect.flip(call())
      assert.strictEqual(error.code, status.INTERNAL)
      assert.strictEqual(error.details, "Something went wrong on our side")
    })
  )

  it.live("comes from a service: neither from a stranger nor from a user, an admin included", () =>
    Effect.gen(function* () {
      const call = yield* peer({ conversations: { apply: () => Effect.succeed(true) } })
      assert.isTrue((yield* call()).response.success)
      for (const [context, code] of [
        [{}, status.UNAUTHENTICATED],
        [{ metadata: { authorization: "service" } }, status.UNAUTHENTICATED],
        [{ metadata: { authorization: "Basic service" } }, status.UNAUTHENTICATED],
        [{ token: "alice" }, status.PERMISSION_DENIED]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(call(context))).code, code)
      }
    })
  )

  it.live("has a request id: the caller's own where it is harmless, else a new one", () =>
    Effect.gen(function* () {
      const call = yield* peer({ conversations: { apply: () => Effect.succeed(true) } })
      const idOf = (id: string) =>
        Effect.map(call({ token: "service", metadata: { "x-request-id": id } }), ({ head }) =>
          String(head.get("x-request-id")[0])
        )
      assert.strictEqual(yield* idOf("order-66"), "order-66")
      assert.match(yield* idOf("two words"), /^[0-9a-f-]{36}$/)
    })
  )

  it.live("whose deadline is over is interrupted", () =>
    Effect.gen(function* () {
      const { interrupted, work } = yield* endless
      let apply: Effect.Effect<boolean> = Effect.succeed(true)
      const call = yield* peer({ conversations: { apply: () => apply } })
      // The connection is made by then, and the deadline is that of the work.
      yield* call()
      apply = work
      const error = yield* Effect.flip(call({ token: "service", deadline: 1_000 }))
      assert.strictEqual(error.code, status.DEADLINE_EXCEEDED)
      yield* interrupted
    })
  )

  it.live("that its caller gives up is interrupted", () =>
    Effect.gen(function* () {
      const { began, interrupted, work } = yield* endless
      const call = yield* peer({ conversations: { apply: () => work } })
      const fiber = yield* Effect.forkChild(call())
      yield* began
      yield* Fiber.interrupt(fiber)
      yield* interrupted
    })
  )

  it.live("without a deadline has the server's", () =>
    Effect.gen(function* () {
      const { interrupted, work } = yield* endless
      const call = yield* peer({ conversations: { apply: () => work }, timeout: Duration.millis(50) })
      const error = yield* Effect.flip(call())
      assert.strictEqual(error.code, status.DEADLINE_EXCEEDED)
      assert.deepStrictEqual(error.metadata.get("reason"), ["timeout"])
      yield* interrupted
    })
  )

  it.live("beyond as many as may be under way is refused, and the place comes back", () =>
    Effect.gen(function* () {
      const { began, interrupted, work } = yield* endless
      const call = yield* peer({ conversations: { apply: () => work }, maxCalls: 1 })
      const first = yield* Effect.forkChild(call())
      yield* began
      const before = yield* answered("RESOURCE_EXHAUSTED")
      const second = yield* Effect.flip(call())
      assert.strictEqual(second.code, status.RESOURCE_EXHAUSTED)
      assert.deepStrictEqual(second.metadata.get("reason"), ["overloaded"])
      assert.strictEqual(yield* answered("RESOURCE_EXHAUSTED"), before + 1)
      yield* Fiber.interrupt(first)
      yield* interrupted
      const third = yield* Effect.flip(call({ token: "service", deadline: 300 }))
      assert.strictEqual(third.code, status.DEADLINE_EXCEEDED)
    })
  )

  it.live("of a service past its limits is refused, with when to come back, while others are served", () =>
    Effect.gen(function* () {
      const call = yield* peer({
        conversations: { apply: () => Effect.succeed(true) },
        perPeer: { rate: { max: 2, windowMs: 60_000 }, maxCalls: 100 }
      })
      yield* call()
      yield* call()
      const { code, metadata } = yield* Effect.flip(call())
      assert.strictEqual(code, status.RESOURCE_EXHAUSTED)
      assert.deepStrictEqual(metadata.get("reason"), ["rate_limited"])
      assert.deepStrictEqual(metadata.get("scope"), ["service_calls"])
      assert.deepStrictEqual(metadata.get("ratelimit-policy"), [`"service_calls";q=2;w=60`])
      const waitMs = Number(metadata.get("grpc-retry-pushback-ms")[0])
      assert.isAtMost(waitMs, 30_000)
      assert.isAbove(waitMs, 20_000)
      assert.include(String(metadata.get("grpc-status-details-bin")[0]), "google.rpc.RetryInfo")
      assert.isTrue((yield* call({ token: "service:media" })).response.success)
    })
  )

  it.live("with a bad token counts against its address, and then no token is looked at", () =>
    Effect.gen(function* () {
      const distrusted: Array<string> = []
      const admission = Layer.succeed(Admission, {
        ...NoLimits.admission,
        distrust: (address) => void distrusted.push(address),
        arrival: (address) =>
          distrusted.length < 2
            ? Result.succeed(undefined)
            : Result.fail(new Errors.UserBlocked({ until: address === "127.0.0.1" ? 1 : 2 }))
      })
      const call = yield* peer({ conversations: { apply: () => Effect.succeed(true) }, admission })
      const codeOf = (token: string, metadata = {}) =>
        Effect.map(Effect.flip(call({ token, metadata })), ({ code }) => code)
      assert.strictEqual(yield* codeOf("forged", { "x-forwarded-for": "192.0.2.7" }), status.UNAUTHENTICATED)
      assert.strictEqual(yield* codeOf("forged"), status.UNAUTHENTICATED)
      assert.deepStrictEqual(distrusted, ["127.0.0.1", "127.0.0.1"], "nobody may forge an address")
      assert.strictEqual(yield* codeOf("service"), status.PERMISSION_DENIED)

      const proxied = yield* peer({
        conversations: { apply: () => Effect.succeed(true) },
        admission,
        trustedProxies: [IpNetwork.fromStringUnsafe("127.0.0.1/32")]
      })
      distrusted.length = 0
      const metadata = { "x-forwarded-for": "2001:db8:1:1::7" }
      yield* Effect.flip(proxied({ token: "forged", metadata }))
      assert.deepStrictEqual(distrusted, ["2001:db8:1:1::/64"])
    })
  )

  it.live("that is too large is not read", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({})
      const { call } = yield* GrpcClient.connect({ port })
      const group = { group_id: "x".repeat(65 * 1024), creator_id: randomUUID() }
      const error = yield* Effect.flip(call(SERVICE, "NotifyGroupCreation", group, { token: "service" }))
      assert.strictEqual(error.code, status.RESOURCE_EXHAUSTED)
    })
  )

  it.live("under way at a shutdown is answered; one that comes later is not served", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const apply = () =>
        Effect.as(Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(release)), true)
      const server = yield* Scope.fork(yield* Effect.scope)
      const { port } = yield* Scope.provide(serve({ conversations: { apply } }), server)
      const { call } = yield* GrpcClient.connect({ port })
      const ask = call(
        SERVICE,
        "NotifyConversationEvent",
        { conversation_id: randomUUID(), event_type: "settings_changed" },
        { token: "service", deadline: 10_000 }
      )
      const underWay = yield* Effect.forkChild(ask)
      yield* Deferred.await(began)
      const closing = yield* Effect.forkChild(Scope.close(server, Exit.void))
      yield* Effect.yieldNow
      assert.strictEqual((yield* Effect.flip(ask)).code, status.UNAVAILABLE)
      yield* Deferred.succeed(release, undefined)
      assert.isTrue((yield* Fiber.join(underWay)).response.success)
      yield* Fiber.join(closing)
    })
  )
})
