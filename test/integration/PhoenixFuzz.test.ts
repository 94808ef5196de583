import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { CLOSED, CRASHING, topic } from "../edges/websocket/FakeConversations.ts"
import { open } from "../edges/websocket/RawSocket.ts"
import { start, userId } from "../edges/websocket/SocketServer.ts"
import * as Poll from "../support/Poll.ts"

/**
 * Whatever arrives on a real socket, and however it is cut into packets: the server lives, closes with the code that
 * belongs to the fault, and nothing of the socket is left behind. What is answered is `SessionFuzz`'s business.
 */
const SOCKETS = 60
const SEED = Number(process.env.FUZZ_SEED ?? 4)
const MAX_FRAME = 2_000

const topics = [
  topic(1),
  topic(2),
  `conversation:${CLOSED}`,
  `conversation:${CRASHING}`,
  `user:${userId("alice")}`,
  "phoenix",
  "room:a"
]

interface Sent {
  readonly data: string | Uint8Array
  /** The code it is closed with, `undefined` when the socket goes on. */
  readonly code: 1007 | 1009 | 1011 | undefined
  readonly isBinary: boolean
}

const text = (data: string): Sent => ({ data, code: undefined, isBinary: false })
const ref = fc.constantFrom(null, "1", "2", "3", 4)

const wellFormed: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .tuple(
      ref,
      ref,
      fc.constantFrom(...topics),
      fc.constantFrom(
        "phx_join",
        "phx_leave",
        "heartbeat",
        "typing_start",
        "history",
        "update_presence",
        "x"
      ),
      fc.oneof(fc.constant({}), fc.jsonValue({ maxDepth: 2 }))
    )
    .map((frame) => text(JSON.stringify(frame))),
  fc
    .tuple(ref, fc.constantFrom(...topics.slice(0, 2)), fc.string({ maxLength: 30 }), fc.nat())
    .map(([joinRef, topic, content, client_random]) =>
      text(JSON.stringify([joinRef, "9", topic, "send_message", { content, client_random }]))
    ),
  fc.tuple(fc.constantFrom(...topics), fc.uint8Array({ maxLength: 50 })).map(([topic, payload]) => {
    const name = Buffer.from(topic)
    const head = Buffer.from([0, 1, 1, name.length, 1, 0x31, 0x32])
    return { data: Buffer.concat([head, name, Buffer.from("e"), payload]), code: undefined, isBinary: true }
  })
)

const faults: fc.Arbitrary<Sent> = fc.constantFrom<Sent>(
  { data: "[", code: 1011, isBinary: false },
  { data: '["1","2","room:a","e"]', code: 1011, isBinary: false },
  { data: new Uint8Array([0, 9]), code: 1011, isBinary: true },
  { data: new Uint8Array([2, 0, 0]), code: 1011, isBinary: true },
  { data: `[${" ".repeat(MAX_FRAME)}`, code: 1009, isBinary: false },
  { data: new Uint8Array([0x5b, 0xc3, 0x28]), code: 1007, isBinary: false }
)

describe("Sockets, fuzzed", () => {
  it.live(`close with the right code and leave nothing behind, on ${SOCKETS} connections`, () =>
    Effect.gen(function* () {
      const server = yield* start({ maxFrameBytes: MAX_FRAME, maxWaiting: 8 })
      const script = fc.tuple(
        fc.array(wellFormed, { minLength: 50, maxLength: 80 }),
        fc.option(faults),
        fc.array(wellFormed, { maxLength: 5 })
      )
      for (const [frames, fault, late] of fc.sample(script, { numRuns: SOCKETS, seed: SEED })) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const socket = yield* open(server, { query: "token=alice&vsn=2.0.0" })
            const send = ({ data, isBinary }: Sent) => socket.ws.send(data, { binary: isBinary })
            frames.forEach(send)
            if (fault === null) return yield* socket.settle()
            send(fault)
            late.forEach(send)
            assert.strictEqual((yield* socket.closes.next()).code, fault.code)
          })
        )
      }
      yield* Poll.until(() => server.sessions.count() === 0, { what: "no session left" })
      assert.strictEqual(server.hub.topics(), 0)
      const after = yield* open(server)
      yield* after.join(topic(1))
      yield* after.settle()
    })
  )
})
