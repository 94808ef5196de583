/**
 * The running service, crashed part by part: what docs/supervision.md and docs/ARCHITECTURE.md promise of each crash
 * holds, seen from outside with the official client.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import { RestClient } from "../support/RestClient.ts"

interface Joined {
  readonly current_seq: number
  readonly messages: ReadonlyArray<Message>
}

interface Tree {
  readonly drawing: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<{ readonly path: string; readonly restarts: number; readonly state: string }>
}

const env = { APP_ENV: "test" }

const crash = (app: AppProcess.RunningApp, path: string) =>
  new RestClient(app.url, "").ok("POST", "/test/crash", { path })

const isUp = (app: AppProcess.RunningApp) =>
  Effect.promise(async () => {
    const response = await fetch(`${app.url}/health/ready`).catch(() => undefined)
    return response?.ok === true
  })

/** Alice sends, Bob resumes: a conversation over two sockets that survives what `during` does to the service. */
const survives = (
  during: (app: AppProcess.RunningApp, id: string, bob: Chat.Person) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const app = yield* AppProcess.start({ env })
    const alice = yield* Chat.person(app)
    const bob = yield* Chat.person(app)
    const id = yield* Chat.direct(alice, bob)
    const topic = `conversation:${id}`
    const sender = yield* (yield* Chat.connect(app, alice)).join(topic)
    const reader = yield* Chat.connect(app, bob)
    const seen = new Map<number, string | null>()
    const lastSeq = () => Math.max(0, ...seen.keys())
    const channel = reader.channel<Joined>(topic, () => ({ last_seq: lastSeq() }))
    const see = (messages: ReadonlyArray<Message>) => {
      for (const { content, seq } of messages) seen.set(seq, content)
    }
    channel.raw.on("new_message", (message) => see([message as Message]))
    yield* channel.joined
    yield* sender.push("send_message", { content: "before", client_random: 1 })
    yield* Poll.until(() => seen.get(1) === "before")

    yield* during(app, id, bob)

    // What is refused meanwhile is sent again, as clients do; the number says that nothing was doubled.
    const send = (content: string, client_random: number) =>
      Poll.until(
        Effect.exit(sender.push("send_message", { content, client_random })).pipe(
          Effect.map((exit) => exit._tag === "Success")
        ),
        { deadline: 20_000, what: `sending ${content}` }
      )
    yield* send("after", 2)
    yield* send("again", 3)
    const rejoins = () => {
      for (const { messages } of channel.joins.all) see(messages)
      return seen.get(3) === "again"
    }
    yield* Poll.until(rejoins, { deadline: 20_000, what: "Bob seeing everything" })
    assert.deepStrictEqual(
      Array.from(seen).sort(([a], [b]) => a - b),
      [
        [1, "before"],
        [2, "after"],
        [3, "again"]
      ]
    )
    return { app, channel, reader }
  })

const minutes = { timeout: 120_000 }

describe("The running service", () => {
  it.live(
    "runs the tree that docs/ARCHITECTURE.md draws",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env })
        const operator = yield* Chat.person(app)
        const refused = yield* operator.rest.request("GET", "/api/v1/admin/tree")
        assert.strictEqual(refused.status, 403)
        const admin = yield* Chat.person(app, { scope: "admin" })
        const { drawing } = yield* admin.rest.ok<Tree>("GET", "/api/v1/admin/tree")
        const page = readFileSync("docs/ARCHITECTURE.md", "utf8")
        const drawn = /```\n(Application [^`]*)```/.exec(page)?.[1] ?? ""
        const withoutRemarks = (line: string) => line.replace(/^([│├└─ ]*\w+).*/, "$1")
        assert.deepStrictEqual(drawn.trimEnd().split("\n").map(withoutRemarks), drawing.map(withoutRemarks))
      }),
    minutes
  )

  it.live(
    "tells a crashed conversation's clients, who rejoin and miss nothing",
    () =>
      Effect.gen(function* () {
        const { channel, reader } = yield* survives((app, id) =>
          crash(app, `Realtime/ConversationSupervisor/${id}`)
        )
        // The channel got phx_error, and was joined again.
        yield* channel.errors.next()
        yield* Effect.andThen(channel.joins.next(), channel.joins.next())
        assert.strictEqual(reader.closes.all.length, 0, "the socket stayed")
      }),
    minutes
  )

  it.live(
    "closes the sockets of a crashed user's actor, which come back",
    () =>
      Effect.gen(function* () {
        const { reader } = yield* survives((app, _, bob) =>
          crash(app, `Realtime/UserSupervisor/${bob.user_id}`)
        )
        assert.strictEqual((yield* reader.closes.next()).code, 1011)
      }),
    minutes
  )

  for (const path of [
    "Realtime/ConversationSupervisor",
    "Realtime/UserSupervisor",
    "Realtime/SessionSupervisor",
    "Realtime/SessionSweeper",
    "Realtime",
    "Storage/MessageWriter",
    "Storage/Watermarks",
    "Storage",
    "Telemetry/AuditLog"
  ]) {
    it.live(
      `goes on after a crash of ${path}, and nobody misses anything`,
      () => survives((app) => crash(app, path)),
      minutes
    )
  }

  it.live(
    "comes back on its port after a crash of the Endpoint",
    () =>
      Effect.gen(function* () {
        const { app } = yield* survives((app) =>
          Effect.andThen(crash(app, "Endpoint"), Poll.until(isUp(app), { deadline: 20_000 }))
        )
        assert.isTrue(yield* isUp(app))
      }),
    minutes
  )

  it.live(
    "ends with a non-zero code when crashes do not stop",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env })
        const ended = yield* Effect.forkChild(app.exited)
        const again = Effect.gen(function* () {
          yield* Effect.exit(crash(app, "Storage"))
          return ended.pollUnsafe() !== undefined
        })
        yield* Poll.until(
          Effect.timeoutOrElse(again, { duration: "2 seconds", orElse: () => Effect.succeed(false) }),
          {
            deadline: 40_000,
            what: "the end of the process"
          }
        )
        const { code } = yield* app.exited
        assert.strictEqual(code, 1)
      }),
    minutes
  )

  it.live(
    "stops in good order at SIGTERM: sockets are told to come back, the exit code is 0",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env })
        const alice = yield* Chat.person(app)
        const socket = yield* Chat.connect(app, alice)
        yield* app.kill("SIGTERM")
        const { code } = yield* app.exited
        assert.strictEqual(code, 0)
        yield* Poll.until(() => socket.closes.all[0]?.code === 1012, { what: "close code 1012" })
      }),
    minutes
  )
})
