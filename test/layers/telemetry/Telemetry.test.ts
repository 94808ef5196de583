/** What the spans of one process say, as a collector gets them; `test/integration/Telemetry.test.ts` has whole services. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted, Tracer } from "effect"
import * as Telemetry from "../../../src/layers/telemetry/Telemetry.ts"
import * as Collector from "../../support/Collector.ts"

/** The spans of this, sent when it ends. */
const spansOf = <A, E>(ratio: number, work: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const collector = yield* Collector.make()
    const layer = Telemetry.layer({
      url: new URL(collector.url),
      headers: Redacted.make({}),
      interval: Duration.hours(1),
      ratio,
      environment: "test",
      version: "0"
    })
    yield* Effect.gen(function* () {
      const { run } = yield* Telemetry.Telemetry
      const running = yield* Effect.forkChild(run, { startImmediately: true })
      yield* Effect.exit(work)
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(layer))
    return { spans: collector.spans(), text: collector.text() }
  })

const external = (lastDigits: string) =>
  Tracer.externalSpan({
    spanId: "00f067aa0ba902b7",
    traceId: `4bf92f3577b34da6a3ce929d${lastDigits}`,
    sampled: true
  })

describe("Telemetry", () => {
  it.live("names an error, and does not tell its text", () =>
    Effect.gen(function* () {
      const failing = Effect.fail(new TypeError("what somebody wrote")).pipe(
        Effect.withSpan("inner"),
        Effect.withSpan("outer")
      )
      const { spans, text } = yield* spansOf(1, failing)
      assert.deepStrictEqual(
        spans.map(({ name, status }) => [name, status.code, status.message]),
        [
          ["inner", 2, "TypeError"],
          ["outer", 2, "TypeError"]
        ]
      )
      assert.strictEqual(spans[0]?.parentSpanId, spans[1]?.spanId)
      assert.notInclude(text, "somebody")
    })
  )

  it.live("goes with the trace of a caller by the trace's id, and with no caller that asks for all", () =>
    Effect.gen(function* () {
      const called = (lastDigits: string) =>
        Effect.void.pipe(
          Effect.withSpan("child"),
          Effect.withSpan(lastDigits, { parent: external(lastDigits) })
        )
      const { spans } = yield* spansOf(0.5, Effect.andThen(called("7fffffff"), called("80000000")))
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["child", "7fffffff"]
      )
    })
  )
})
