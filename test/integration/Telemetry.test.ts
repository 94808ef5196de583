/** What a running service tells a collector over real HTTP, and that it owes the collector nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Collector from "../support/Collector.ts"
import * as Poll from "../support/Poll.ts"

const minutes = { timeout: 120_000 }
const words = "nobody else's business"

const talk = Effect.fnUntraced(function* (app: AppProcess.RunningApp) {
  const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
  const id = yield* Chat.direct(alice, bob)
  const channel = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
  yield* channel.push("send_message", { content: words, client_random: 1 })
  yield* alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: words, client_random: 2 })
  yield* alice.rest.ok(
    "GET",
    `/api/v1/conversations/${id}/messages/search?q=${encodeURIComponent("business")}`
  )
  // Refused with an explanation that repeats what was wrong.
  yield* Effect.exit(
    alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: 7, client_random: words })
  )
  return alice
})

describe("OTLP_URL", () => {
  it.live(
    "gets traces, metrics and logs, without tokens, queries or contents",
    () =>
      Effect.gen(function* () {
        const collector = yield* Collector.make()
        const app = yield* AppProcess.start({
          env: {
            OTLP_URL: collector.url,
            OTLP_HEADERS: "x-key=letmein, x-tenant=one",
            OTLP_INTERVAL: "100 millis",
            OTLP_TRACES: "1"
          }
        })
        const alice = yield* talk(app)
        yield* Poll.until(
          Effect.sync(() => collector.spans().some(({ name }) => name === "Rest.messages.send")),
          { what: "the span of a send" }
        )
        yield* app.kill("SIGTERM")
        assert.strictEqual((yield* app.exited).code, 0)

        const spans = collector.spans()
        const sent = spans.find(({ name }) => name === "Rest.messages.send")!
        const request = spans.find(({ spanId }) => spanId === sent.parentSpanId)
        assert.strictEqual(request?.name, "POST")
        assert.isTrue(spans.some(({ attributes }) => attributes.some(({ key }) => key === "db.query.text")))
        assert.isFalse(
          spans.some(({ attributes }) => attributes.some(({ value }) => value.stringValue === "/health"))
        )
        assert.isTrue(collector.metrics().has("sockets_open"))
        assert.isTrue(collector.metrics().has("http_requests_total"))
        const logs = collector.logs()
        assert.isTrue(logs.some((text) => text.startsWith("listening http=")))

        const told = collector.text()
        assert.include(told, "/messages/search")
        for (const secret of [alice.token, words, "business", "eyJ"]) assert.notInclude(told, secret)
        for (const { headers } of collector.received) {
          assert.deepInclude(headers, { "x-key": "letmein", "x-tenant": "one" })
        }
      }),
    minutes
  )

  it.live(
    "gets what is left at the end, and of the traces the part that was asked for",
    () =>
      Effect.gen(function* () {
        const collector = yield* Collector.make()
        const app = yield* AppProcess.start({
          env: { OTLP_URL: `${collector.url}/`, OTLP_INTERVAL: "1 hour", OTLP_TRACES: "0" }
        })
        yield* talk(app)
        assert.strictEqual(collector.requests(), 0)
        yield* app.kill("SIGTERM")
        assert.strictEqual((yield* app.exited).code, 0)
        assert.isTrue(collector.metrics().has("sockets_open"))
        assert.isAbove(collector.logs().length, 5)
        assert.deepStrictEqual(collector.spans(), [])
      }),
    minutes
  )

  it.live(
    "is not waited for when it does not answer, or is not there",
    () =>
      Effect.gen(function* () {
        const silent = yield* Collector.make({ isSilent: true })
        for (const url of [silent.url, "http://127.0.0.1:1"]) {
          const app = yield* AppProcess.start({
            env: { OTLP_URL: url, OTLP_INTERVAL: "50 millis", OTLP_TRACES: "1" }
          })
          yield* app.outputMatching(/The collector of telemetry cannot be used/)
          yield* talk(app)
          const metrics = yield* Effect.promise(async () => (await fetch(`${app.url}/metrics`)).text())
          assert.match(metrics, /^otlp_failures_total [1-9]/m)
          yield* app.kill("SIGTERM")
          assert.strictEqual((yield* app.exited).code, 0)
          assert.strictEqual(app.output().split("cannot be used").length, 2, "it is logged once")
        }
      }),
    minutes
  )

  it.live("is named when it is wrong, and its headers are not shown", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.spawn({ env: { OTLP_URL: "http://localhost", OTLP_HEADERS: "letmein" } })
      const { code } = yield* app.exited
      assert.notStrictEqual(code, 0)
      assert.match(app.output(), /OTLP_HEADERS\S* Expected name=value/)
      assert.notInclude(app.output(), "letmein")
    })
  )
})
