/**
 * Official clients across a stop, a kill and two starts of the server, over both transports. None of them is told what
 * to do: they reconnect and rejoin by themselves, and resume where they were.
 */
import "./PhoenixBrowser.ts"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Snapshot } from "../../src/actors/conversation/Conversations.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as MadeDirectory from "../support/MadeDirectory.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"
import * as Ports from "../support/Ports.ts"

/** Starts under load take their time. */
const PATIENCE = { deadline: 30_000 }

const kinds = Object.entries(PhoenixClient.versions).flatMap(([version, module]) => [
  { name: `${version} over WebSocket`, module, options: {}, goingAway: 1012 },
  { name: `${version} over long-poll`, module, options: { transport: module.LongPoll }, goingAway: 1011 }
])

describe("Official clients", () => {
  it.live(
    "outlive a stop, a kill in the middle of joins, and both restarts, and miss no message",
    () =>
      Effect.gen(function* () {
        const env = {
          RATE_LIMITS: "off",
          PORT: String(yield* Ports.free()),
          DATA_DIR: yield* MadeDirectory.make("phoenix")
        }
        let app = yield* AppProcess.start({ env })
        const alice = yield* Chat.person(app)
        const people = yield* Effect.all(kinds.map(() => Chat.person(app)))
        const id = yield* Chat.group(alice, ...people)
        const topic = `conversation:${id}`

        const clients = yield* Effect.all(
          kinds.map(({ module, options }, n) =>
            Effect.gen(function* () {
              const token = people[n]?.token ?? ""
              const soon = () => 100
              const client = yield* PhoenixClient.connect({
                url: app.wsUrl,
                module,
                params: { token },
                reconnectAfterMs: soon,
                rejoinAfterMs: soon,
                ...options
              })
              const told = new Set<number>()
              /** What came, and what was in the answers to its joins, however many it needed. */
              const seen = (): ReadonlySet<number> => {
                for (const { messages } of channel.joins.all) for (const { seq } of messages) told.add(seq)
                return told
              }
              const channel: PhoenixClient.ClientChannel<Snapshot> = client.channel(topic, () => ({
                last_seq: Math.max(0, ...told)
              }))
              channel.raw.on("new_message", (message) => told.add((message as Message).seq))
              yield* channel.joins.next(PATIENCE)
              return { client, channel, seen }
            })
          )
        )
        let sent = 0
        const say = (content: string) =>
          Chat.at(app, alice).rest.ok("POST", `/api/v1/conversations/${id}/messages`, {
            content,
            client_random: ++sent
          })
        const everybodySees = (count: number) =>
          Poll.until(() => clients.every(({ seen }) => seen().size === count), {
            ...PATIENCE,
            what: `${count} messages seen by everybody`
          })

        yield* say("before")
        yield* everybodySees(1)

        yield* app.kill("SIGTERM")
        const closes = yield* Effect.all(clients.map(({ client }) => client.closes.next(PATIENCE)))
        assert.deepStrictEqual(
          closes.map(({ code }, n) => `${kinds[n]?.name} ${code}`),
          kinds.map(({ goingAway, name }) => `${name} ${goingAway}`)
        )
        assert.strictEqual((yield* app.exited).code, 0)
        app = yield* AppProcess.start({ env })
        yield* say("while nobody is back, or some are")
        yield* Effect.all(clients.map(({ channel }) => channel.joins.next(PATIENCE)))
        yield* everybodySees(2)

        const others = clients.map(({ client }, n) => client.channel(`user:${people[n]?.user_id}`))
        yield* app.kill("SIGKILL")
        app = yield* AppProcess.start({ env })
        yield* Effect.all(clients.map(({ channel }) => channel.joins.next(PATIENCE)))
        yield* Effect.all(others.map(({ joins }) => joins.next(PATIENCE)))
        yield* say("after")
        yield* everybodySees(3)
      }),
    120_000
  )
})
