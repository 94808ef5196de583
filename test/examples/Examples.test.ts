/** The examples, run as their readers run them. */

import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chromium } from "playwright-core"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import { type Child, spawn } from "../support/Child.ts"
import { RestClient } from "../support/RestClient.ts"
import * as TempDir from "../support/TempDir.ts"
import { requireTool, tools } from "../support/Tools.ts"

const root = join(import.meta.dirname, "../..")
const examples = join(root, "examples")

const { HOME, PATH, TMPDIR } = process.env

const start = (file: string, args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      spawn(process.execPath, [join(examples, file), ...args], {
        cwd: root,
        env: { HOME, PATH, TMPDIR, ...env }
      })
    ),
    (child) => Effect.promise(() => child.kill9())
  )

const ended = (child: Child) =>
  Effect.map(
    Effect.promise(() => child.exited),
    ({ code }) => {
      assert.strictEqual(code, 0, child.output)
      return child.output
    }
  )

const output = (child: Child, pattern: RegExp) =>
  Effect.promise(() => child.waitForOutput(pattern, { deadline: 30_000 }))

/** Serves the page of one's own at another origin. */
const pageServer = Effect.acquireRelease(
  Effect.callback<{ readonly origin: string; readonly close: () => void }>((resume) => {
    const page = readFileSync(join(examples, "browser-client.html"))
    const server = createServer((_request, response) =>
      response.setHeader("content-type", "text/html").end(page)
    )
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      resume(Effect.succeed({ origin: `http://127.0.0.1:${port}`, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const timeout = { timeout: 120_000 }

describe("The example", () => {
  it.live(
    "rest-client sends, reads and marks as read",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const lines = (yield* ended(yield* start("rest-client.mjs", [app.url]))).trim().split("\n")
        assert.deepStrictEqual(lines, [
          "alice sent message 1",
          "alice sent message 2",
          "bob reads 1: Hello, Bob",
          "bob reads 2: Are you there?",
          "bob has read up to 2"
        ])
      }),
    timeout
  )

  it.live(
    "rpc-client sends, lists and follows, typed",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const lines = (yield* ended(yield* start("rpc-client.ts", [app.url]))).trim().split("\n")
        assert.deepStrictEqual(lines, [
          "0 unread",
          "1: message 1",
          "2: message 2",
          "3: message 3",
          "refused: NotMember"
        ])
      }),
    timeout
  )

  it.live(
    "bot answers whoever writes to it",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const bot = yield* start("bot.ts", [app.url])
        const id = (yield* output(bot, /write to me: (\S+)/))[1]!
        const alice = yield* Chat.person(app)
        const conversation = yield* alice.rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
          type: "direct",
          member_ids: [id]
        })
        const client = yield* Chat.connect(app, alice)
        const channel = yield* client.join(`conversation:${conversation.id}`)
        for (const [i, content] of ["hello", "still there?"].entries()) {
          yield* channel.push("send_message", { content, client_random: i })
          const answered = yield* channel.next<{ readonly content: string }>("new_message", {
            where: ({ content }) => content.startsWith("You said")
          })
          assert.strictEqual(answered.content, `You said: ${content}`)
        }
      }),
    timeout
  )

  it.live(
    "custom-broker shows what is published",
    () =>
      Effect.gen(function* () {
        const lines = (yield* ended(yield* start("custom-broker.ts"))).trim().split("\n")
        assert.deepStrictEqual(lines, [
          "conversation event 1: new_message",
          "conversation event 2: reaction_added",
          "done"
        ])
      }),
    timeout
  )

  it.live(
    "content-rule refuses by a rule of its own",
    () =>
      Effect.gen(function* () {
        const lines = (yield* ended(yield* start("content-rule.ts"))).trim().split("\n")
        assert.deepStrictEqual(lines, ["Good morning! message 1", "GOOD MORNING! refused by no_shouting"])
      }),
    timeout
  )

  it.live(
    "embedded greets in the service's own name, and ends with SIGTERM",
    () =>
      Effect.gen(function* () {
        const DATA_DIR = join(yield* TempDir.make("embedded"), "data")
        const program = yield* start("embedded.ts", [], { DATA_DIR, PORT: "0", GRPC_PORT: "0" })
        const greeting = (yield* output(program, /greeting at (\S+)…/))[1]!
        const url = (yield* output(program, /url=(\S+)/))[1]!
        const issued = yield* Effect.promise(() => fetch(`${url}/dev/token`, { method: "POST" }))
        const { token, user_id } = yield* Effect.promise(
          () => issued.json() as Promise<{ readonly token: string; readonly user_id: string }>
        )
        // A browser asks for more than it is told to.
        const stray = yield* Effect.promise(() => fetch(new URL("/favicon.ico", greeting)))
        assert.strictEqual(stray.status, 400)
        const answer = yield* Effect.promise(async () => (await fetch(greeting + user_id)).text())
        assert.strictEqual(answer, "greeted with message 1\n")
        const list = yield* new RestClient(url, token).ok<{ readonly items: ReadonlyArray<unknown> }>(
          "GET",
          "/api/v1/conversations"
        )
        assert.strictEqual(list.items.length, 1)
        program.signal("SIGTERM")
        const { code } = yield* Effect.promise(() => program.exited)
        // What `runMain` makes of an interruption.
        assert.strictEqual(code, 130, program.output)
      }),
    timeout
  )

  it.live.skipIf(tools.chromium === undefined)(
    "browser-client talks from another origin, where that origin is allowed",
    () =>
      Effect.gen(function* () {
        const { origin } = yield* pageServer
        const app = yield* AppProcess.start({ env: { ALLOWED_ORIGINS: origin } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.direct(alice, bob)
        yield* alice.rest.ok("POST", `/api/v1/conversations/${id}/messages`, {
          content: "Hello",
          client_random: 1
        })
        const browser = yield* Effect.acquireRelease(
          Effect.promise(() =>
            chromium.launch({ executablePath: requireTool("chromium"), args: ["--no-sandbox"] })
          ),
          (browser) => Effect.promise(() => browser.close())
        )
        yield* Effect.promise(async () => {
          const page = await browser.newPage()
          const query = new URLSearchParams({ service: app.url, token: bob.token, conversation: id })
          await page.goto(`${origin}/?${query}`)
          await page.getByText("connected").waitFor()
          await page.locator("input").fill("Hello from the page")
          await page.locator("button").click()
          await page.locator("li").nth(1).waitFor()
          assert.deepStrictEqual(await page.locator("li").allTextContents(), ["Hello", "Hello from the page"])
        })
      }),
    timeout
  )
})
