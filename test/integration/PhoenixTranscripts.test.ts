/**
 * Replays the transcripts of docs/protocol.md against the running service. Each block starts anew: a group with Alice, its
 * owner, and Bob; Carol is a stranger. Whoever is named connects when they first speak.
 *
 * `alice > frame` is sent, `alice < frame` must arrive (others may come between), `alice ! code` closes the connection;
 * `alice poll` is a GET of long-poll, `alice poll frame` a POST; `alice POST /path body` is REST; `alice = body` is the
 * answer to either. In what is expected, `<text>`, `<time>` and `<number>` stand for any value of that kind, `<text:name>`
 * gives it a name, `{name}` takes it up, and a member `"…"` allows others beside it.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { WebSocket } from "ws"
import * as Errors from "../../src/domain/Errors.ts"
import { type Refusal, TokenFault } from "../../src/domain/Errors.ts"
import { conversationEvents, userEvents } from "../../src/domain/protocol/ChannelEvents.ts"
import { toWire } from "../../src/domain/Refusal.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import { Inbox } from "../support/Inbox.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/protocol.md"), "utf8")

interface Block {
  readonly line: number
  readonly lines: ReadonlyArray<string>
}

const blocks = (): ReadonlyArray<Block> =>
  [...page.matchAll(/^```transcript\n([\s\S]*?)^```$/gm)].map(({ 0: all, 1: text = "", index }) => ({
    line: page.slice(0, index).split("\n").length,
    lines: (all && text).trimEnd().split("\n")
  }))

type Names = Map<string, string>

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Whether a value is what was expected. Names are given as it goes, and only meant where the whole fits. */
const fits = (expected: unknown, actual: unknown, names: Names): boolean => {
  if (expected === "<number>") return typeof actual === "number"
  if (typeof expected === "string" && typeof actual === "string") {
    if (expected === "<time>") return time.test(actual)
    const [, name] = /^<text(?::(\w+))?>$/.exec(expected) ?? [undefined, undefined]
    if (name !== undefined) names.set(name, actual)
    return expected.startsWith("<text") || expected === actual
  }
  if (typeof expected !== "object" || typeof actual !== "object" || expected === null || actual === null) {
    return expected === actual
  }
  if (Array.isArray(expected) !== Array.isArray(actual)) return false
  const wanted = Object.entries(expected).filter(([key]) => key !== "…")
  const isOpen = "…" in expected
  const given = actual as Readonly<Record<string, unknown>>
  return (
    (isOpen || wanted.length === Object.keys(given).length) &&
    wanted.every(([key, value]) => key in given && fits(value, given[key], names))
  )
}

const filled = (text: string, names: Names): string =>
  text.replaceAll(/\{(\w+)\}/g, (all, name: string) => names.get(name) ?? all)

class Connection {
  readonly frames = new Inbox<unknown>("frames")
  readonly closes = new Inbox<number>("closes")
  readonly #ws: WebSocket
  readonly #open: Promise<void>

  constructor(url: string) {
    this.#ws = new WebSocket(url)
    this.#open = new Promise((resolve) => this.#ws.once("open", () => resolve()))
    this.#ws.on("message", (data) => this.frames.put(JSON.parse(data.toString())))
    this.#ws.on("close", (code) => this.closes.put(code))
  }

  readonly send = (text: string) => Effect.promise(() => this.#open.then(() => this.#ws.send(text)))

  close(): void {
    this.#ws.terminate()
  }
}

class Replay {
  readonly #app: AppProcess.RunningApp
  readonly #people: Readonly<Record<string, Chat.Person>>
  readonly #names: Names
  readonly #connections = new Map<string, Connection>()
  #session = ""
  #answer: unknown

  constructor(app: AppProcess.RunningApp, people: Readonly<Record<string, Chat.Person>>, room: string) {
    this.#app = app
    this.#people = people
    this.#names = new Map([
      ["room", room],
      ...Object.entries(people).map(([name, p]) => [name, p.user_id] as const)
    ])
  }

  #person(who: string): Chat.Person {
    const person = this.#people[who.split("/")[0] ?? ""]
    if (person === undefined) throw new Error(`nobody is called ${who}`)
    return person
  }

  #connection(who: string): Connection {
    let connection = this.#connections.get(who)
    if (connection === undefined) {
      const vsn = who.endsWith("/v1") ? "1.0.0" : "2.0.0"
      connection = new Connection(`${this.#app.wsUrl}/websocket?token=${this.#person(who).token}&vsn=${vsn}`)
      this.#connections.set(who, connection)
    }
    return connection
  }

  #rest(who: string, method: string, rest: string) {
    const [, path = "", body = ""] = /^(\S+) ?(.*)$/.exec(rest) ?? []
    return this.#person(who).rest.ok(method, path, body === "" ? undefined : JSON.parse(body))
  }

  /** A GET, or a POST of the frame that follows. */
  #poll(who: string, frame: string) {
    const query = `token=${this.#person(who).token}&vsn=2.0.0&token=${this.#session}`
    const init = frame === "" ? {} : { method: "POST", body: frame }
    return Effect.promise(async () => {
      const response = await fetch(`${this.#app.url}/socket/longpoll?${query}`, init)
      assert.strictEqual(response.status, 200)
      this.#answer = await response.json()
      this.#session = (this.#answer as { readonly token?: string }).token ?? this.#session
    })
  }

  readonly line = Effect.fnUntraced({ self: this }, function* (line: string) {
    const [, who = "", sign = "", text = ""] = /^(\S+) (\S+) ?(.*)$/.exec(line) ?? []
    const rest = filled(text, this.#names)
    switch (sign) {
      case ">":
        return yield* this.#connection(who).send(rest)
      case "<": {
        const expected = JSON.parse(rest)
        const found = new Map<string, string>()
        const where = (frame: unknown) => {
          found.clear()
          return fits(expected, frame, found)
        }
        yield* this.#connection(who).frames.next({ where })
        for (const [name, value] of found) this.#names.set(name, value)
        return
      }
      case "!":
        assert.strictEqual(yield* this.#connection(who).closes.next(), Number(rest))
        return
      case "poll":
        return yield* this.#poll(who, rest)
      case "=":
        assert.isTrue(fits(JSON.parse(rest), this.#answer, this.#names), JSON.stringify(this.#answer))
        return
      default:
        this.#answer = yield* this.#rest(who, sign, rest)
    }
  })

  close(): void {
    for (const connection of this.#connections.values()) connection.close()
  }
}

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/PhoenixTranscripts") {
  static readonly layer = Layer.effect(App, AppProcess.start({ env: { RATE_LIMITS: "off" } }))
}

const replay = Effect.fnUntraced(function* ({
  line,
  lines
}: Block): Effect.fn.Return<void, unknown, App | Scope.Scope> {
  const app = yield* App
  const people = {
    alice: yield* Chat.person(app),
    bob: yield* Chat.person(app),
    carol: yield* Chat.person(app)
  }
  const room = yield* Chat.group(people.alice, people.bob)
  const replay = yield* Effect.acquireRelease(
    Effect.sync(() => new Replay(app, people, room)),
    (replay) => Effect.sync(() => replay.close())
  )
  for (const [n, text] of lines.entries()) {
    yield* replay
      .line(text)
      .pipe(
        Effect.mapError((error) => new Error(`docs/protocol.md:${line + 1 + n}: ${text}`, { cause: error }))
      )
  }
})

layer(App.layer, { timeout: "2 minutes" })("The transcripts of docs/protocol.md", (it) => {
  for (const block of blocks()) {
    it.effect(`hold at line ${block.line}: ${block.lines[0]?.slice(0, 60)}`, () => replay(block))
  }
})

const refusals: ReadonlyArray<Refusal> = [
  ...TokenFault.literals.map((reason) => new Errors.TokenRejected({ reason })),
  new Errors.NotMember(),
  new Errors.Forbidden({ rule: "" }),
  new Errors.UserBlocked({ until: 0 }),
  new Errors.NotFound({ what: "" }),
  new Errors.InvalidInput({ issues: [] }),
  new Errors.ContentRejected({ rule: "" }),
  new Errors.MessageTooLarge({ limit: 0 }),
  new Errors.RateLimited({ scope: "", limit: 0, retryAfterMs: 0 }),
  new Errors.Conflict({ what: "" }),
  new Errors.Overloaded({ what: "" }),
  new Errors.Unavailable({ what: "" })
]

describe("docs/protocol.md", () => {
  it("has a transcript for every flow", () => {
    assert.isAtLeast(blocks().length, 15)
  })

  it("names every event", () => {
    for (const { notices, requests } of [conversationEvents, userEvents]) {
      for (const event of [...Object.keys(requests), ...Object.keys(notices)]) {
        assert.match(page, new RegExp(`["\`]${event}["\` ]`), event)
      }
    }
  })

  it("names every reason of a refusal, and what comes with it", () => {
    for (const refusal of refusals) {
      const { fields, reason } = toWire(refusal)
      for (const word of [reason, ...Object.keys(fields)]) assert.include(page, `\`${word}`)
    }
  })
})
