/** `/metrics` of the running service, and that docs/metrics.md lists exactly what is there. */
import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import * as RedisServer from "../support/RedisServer.ts"

const documented = new Set(
  Array.from(readFileSync("docs/metrics.md", "utf8").matchAll(/^\| `(\w+)` \|/gm), ([, id]) => id!)
)

const scrape = (app: AppProcess.RunningApp) =>
  Effect.promise(async () => {
    const answer = await fetch(`${app.url}/metrics`)
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
    return answer.text()
  })

/** The value of a series, by its name with labels. */
const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

describe("/metrics", () => {
  it.live(
    "shows sockets, frames, commits, pools and the servers' figures, each of them documented",
    () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        const app = yield* AppProcess.start({
          env: { APP_ENV: "test", REDIS_URL: redis.url, METRICS_INTERVAL: "200 millis" }
        })
        // A token whose revocation cannot be asked for is believed, and not remembered.
        yield* Nodes.hasRedis(app)
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.direct(alice, bob)
        const channel = yield* (yield* Chat.connect(app, alice)).join(`conversation:${id}`)
        yield* channel.push("send_message", { content: "hello", client_random: 1 })
        const text = yield* Poll.until(
          Effect.map(scrape(app), (text) =>
            (valueOf(text, 'redis_memory_used_bytes{pool="main_pool"}') ?? 0) > 0 &&
            valueOf(text, 'redis_connections{pool="session_pool"}') === 2 &&
            valueOf(text, "live_nodes") === 1 &&
            valueOf(text, "offline_queue_users") === 0 &&
            (valueOf(text, "database_size_bytes") ?? 0) > 1_000_000
              ? text
              : undefined
          ),
          { what: "figures of Redis and of the database, and the lease" }
        )
        assert.strictEqual(valueOf(text, "sockets_open"), 1)
        assert.isAbove(valueOf(text, "socket_frames_received_total") ?? 0, 1)
        assert.isAbove(valueOf(text, "socket_frames_written_total") ?? 0, 1)
        assert.isAtLeast(valueOf(text, 'committed_items_total{writer="messages"}') ?? 0, 1)
        assert.strictEqual(valueOf(text, 'commit_queue_depth{writer="messages"}'), 0)
        // A token that is presented for the first time, and again.
        assert.isAtLeast(valueOf(text, 'cache_misses_total{cache="tokens"}') ?? 0, 1)
        assert.isAbove(valueOf(text, 'cache_hits_total{cache="tokens"}') ?? 0, 0)
        assert.isAtLeast(valueOf(text, 'cache_misses_total{cache="revocations"}') ?? 0, 1)
        assert.isAbove(valueOf(text, 'cache_hits_total{cache="revocations"}') ?? 0, 0)
        assert.isAbove(valueOf(text, 'redis_command_duration_ms_count{pool="session_pool"}') ?? 0, 0)

        const shown = Array.from(text.matchAll(/^# TYPE (\w+) /gm), ([, id]) => id!)
        assert.deepStrictEqual(
          shown.filter((id) => !documented.has(id)),
          [],
          "shown and not documented"
        )
        // Some series begin only with what they count; but each has its name in the code.
        const code = globSync("src/**/*.ts").map((path) => readFileSync(path, "utf8"))
        assert.deepStrictEqual(
          Array.from(documented).filter(
            (id) => !shown.includes(id) && !code.some((text) => new RegExp(`\\b${id}\\b`).test(text))
          ),
          [],
          "documented and not there"
        )
      }),
    { timeout: 120_000 }
  )
})
