/**
 * A reader of a conversation's events by typed RPC, whose service is killed, restarted and drained under it while others
 * write. It is told every event, once and in order, and never looks after its connection itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as MadeDirectory from "../support/MadeDirectory.ts"
import * as Poll from "../support/Poll.ts"
import * as Ports from "../support/Ports.ts"
import * as RpcPeople from "../support/RpcPeople.ts"

const MESSAGES = 120
const KILL_AT = 40
const DRAIN_AT = 80

const retry = { schedule: Schedule.spaced("100 millis"), times: 300 }

describe("A stream of events", () => {
  for (const protocol of ["websocket", "http"] as const) {
    it.live(
      `over ${protocol} survives a kill and a restart of the service: every event once, in order`,
      () =>
        Effect.gen(function* () {
          // Ports that nobody's outgoing connection takes while the service is away.
          const env = {
            DATA_DIR: yield* MadeDirectory.make("rpc-resume"),
            PORT: String(yield* Ports.free()),
            GRPC_PORT: String(yield* Ports.free())
          }
          let app = yield* AppProcess.start({ env })
          const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
          const id = yield* Chat.direct(alice, bob)
          const reader = yield* RpcPeople.client(app, alice, protocol)
          const writer = yield* RpcPeople.client(app, bob, protocol)

          const told: Array<number> = []
          let snapshots = 0
          const following = yield* reader.follow(id, { last_seq: 0 }).pipe(
            Stream.takeUntil((element) => {
              if (element.event === "snapshot") snapshots++
              told.push(...RpcPeople.numbers(element))
              return told.at(-1) === MESSAGES
            }),
            Stream.runDrain,
            Effect.forkScoped
          )
          for (let n = 1; n <= MESSAGES; n++) {
            if (n === KILL_AT) {
              yield* Poll.until(Effect.sync(() => told.length > 0))
              yield* app.kill()
              app = yield* AppProcess.start({ env })
            }
            if (n === DRAIN_AT) {
              yield* Poll.until(Effect.sync(() => told.length >= KILL_AT))
              yield* app.kill("SIGTERM")
              assert.strictEqual((yield* app.exited).code, 0)
              app = yield* AppProcess.start({ env })
            }
            const message = { conversation_id: id, content: `message ${n}`, client_random: n }
            const sent = yield* Effect.retry(writer.sendMessage(message), retry)
            assert.strictEqual(sent.seq, n)
          }
          yield* Fiber.join(following)
          assert.deepStrictEqual(
            told,
            Array.from({ length: MESSAGES }, (_, i) => i + 1)
          )
          assert.isAtLeast(snapshots, 3, "it was resumed after the kill and after the drain")
        }),
      { timeout: 180_000 }
    )
  }
})
