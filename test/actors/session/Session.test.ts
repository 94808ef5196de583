import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FiberSet } from "effect"
import { Outbox } from "../../../src/actors/session/Outbox.ts"
import { Session, UNDECODABLE } from "../../../src/actors/session/Session.ts"
import { NotMember } from "../../../src/domain/Errors.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { DeviceId, SessionId, UserId } from "../../../src/domain/Ids.ts"
import type { Frame, Ref, Serializer } from "../../../src/domain/protocol/Frame.ts"
import { v1 } from "../../../src/domain/protocol/V1.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"
import { FakeTopics } from "./FakeChannel.ts"
import { RecordingTransport } from "./RecordingTransport.ts"

const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`
const room = (n: number) => `conversation:${uuid(n)}`
const A = room(1)

const identity: Identity = {
  userId: uuid(900) as UserId,
  deviceId: "device" as DeviceId,
  tokenId: "token",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: 0
}

const open = Effect.fnUntraced(function* (serializer: Serializer = v2, maxChannels = 100) {
  const transport = new RecordingTransport()
  const topics = new FakeTopics()
  const outbox = new Outbox(transport, { soft: 10_000, hard: 100_000 })
  const session = new Session({
    address: "192.0.2.1",
    connectedAt: 0,
    wentOn: () => {},
    id: uuid(901) as SessionId,
    identity,
    serializer,
    outbox,
    joinTopic: topics.join,
    maxChannels,
    fork: yield* FiberSet.makeRuntime<never>()
  })
  const send = (joinRef: Ref, ref: Ref, topic: string, event: string, payload: unknown = {}) =>
    session.handle({ joinRef, ref, topic, event, payload } satisfies Frame) ?? Effect.void
  let read = 0
  return {
    session,
    topics,
    transport,
    send,
    join: (ref: Ref, topic = A) => send(ref, ref, topic, "phx_join"),
    /** The frames written since the last look. */
    frames: (): ReadonlyArray<unknown> => {
      outbox.flush()
      const fresh = transport.frames.slice(read)
      read = transport.frames.length
      return fresh
    },
    channel: (index = 0) => topics.channels[index]!
  }
})

const replied = (joinRef: Ref, ref: Ref, topic: string, status: string, response: unknown) => [
  joinRef,
  ref,
  topic,
  "phx_reply",
  { status, response }
]
const unmatched = (ref: Ref, topic: string) =>
  replied(null, ref, topic, "error", { reason: "unmatched topic" })
const welcome = (joinRef: Ref, topic = A) => [joinRef, null, topic, "welcome", {}]
const closed = (joinRef: Ref, topic = A) => [joinRef, joinRef, topic, "phx_close", {}]
const crashed = (joinRef: Ref, topic = A) => [
  joinRef,
  joinRef,
  topic,
  "phx_error",
  { reason: "channel_crash" }
]

describe("Session", () => {
  describe("on the topic `phoenix`", () => {
    it.effect("answers a heartbeat, whatever its ref, and calls other events unmatched", () =>
      Effect.gen(function* () {
        const { frames, send } = yield* open()
        yield* send(null, "1", "phoenix", "heartbeat")
        yield* send(null, 7, "phoenix", "heartbeat")
        yield* send(null, null, "phoenix", "heartbeat")
        yield* send(null, "2", "phoenix", "phx_join")
        yield* send(null, "3", "phoenix", "other")
        assert.deepStrictEqual(frames(), [
          replied(null, "1", "phoenix", "ok", {}),
          replied(null, 7, "phoenix", "ok", {}),
          replied(null, null, "phoenix", "ok", {}),
          unmatched("2", "phoenix"),
          unmatched("3", "phoenix")
        ])
      })
    )
  })

  describe("on a join", () => {
    it.effect("replies with the channel's response, then lets the channel push", () =>
      Effect.gen(function* () {
        const { frames, join, session, topics } = yield* open()
        topics.response = '{"you":"alice"}'
        yield* join("3")
        assert.deepStrictEqual(frames(), [replied("3", "3", A, "ok", { you: "alice" }), welcome("3")])
        assert.isTrue(session.hasJoined(A))
      })
    )

    it.effect("echoes refs verbatim: an integer stays an integer, null stays null", () =>
      Effect.gen(function* () {
        const { frames, send } = yield* open()
        yield* send(3, 3, A, "phx_join")
        yield* send(null, null, room(2), "phx_join")
        assert.deepStrictEqual(frames(), [
          replied(3, 3, A, "ok", {}),
          welcome(3),
          replied(null, null, room(2), "ok", {}),
          welcome(null, room(2))
        ])
      })
    )

    it.effect("calls a topic nobody serves unmatched, without a join_ref", () =>
      Effect.gen(function* () {
        const { frames, join, topics } = yield* open()
        yield* join("1", "room:a")
        yield* join("2", `conversation:${uuid(1)}x`)
        assert.deepStrictEqual(frames(), [
          unmatched("1", "room:a"),
          unmatched("2", `conversation:${uuid(1)}x`)
        ])
        assert.deepStrictEqual(topics.channels, [])
      })
    )

    it.effect("refuses the channel past the limit, also when it is refused for other reasons later", () =>
      Effect.gen(function* () {
        const { frames, join, send } = yield* open(v2, 100)
        for (let n = 1; n <= 100; n++) yield* join(String(n), room(n))
        frames()
        yield* join("101", room(101))
        yield* join("102", "room:unserved")
        assert.deepStrictEqual(frames(), [
          replied("101", "101", room(101), "error", { reason: "too many channels joined" }),
          unmatched("102", "room:unserved")
        ])
        yield* join("103", room(100))
        assert.deepStrictEqual(
          frames()[0],
          replied("103", "103", room(100), "ok", {}),
          "a rejoin takes no more room"
        )
        yield* send(null, "104", room(1), "phx_leave")
        frames()
        yield* join("105", room(101))
        assert.deepStrictEqual(frames()[0], replied("105", "105", room(101), "ok", {}))
      })
    )

    it.effect("answers a refusal with its reason, and is not joined", () =>
      Effect.gen(function* () {
        const { frames, join, send, session, topics } = yield* open()
        topics.refusal = new NotMember()
        yield* join("1")
        yield* send("1", "2", A, "echo")
        assert.deepStrictEqual(frames(), [
          replied("1", "1", A, "error", { reason: "not_member" }),
          unmatched("2", A)
        ])
        assert.isFalse(session.hasJoined(A))
      })
    )

    it.effect("answers a crash with `join crashed`, and the socket goes on", () =>
      Effect.gen(function* () {
        const { frames, join, topics } = yield* open()
        topics.dies = true
        yield* join("1")
        assert.deepStrictEqual(frames(), [replied("1", "1", A, "error", { reason: "join crashed" })])
        topics.dies = false
        yield* join("2")
        assert.deepStrictEqual(frames(), [replied("2", "2", A, "ok", {}), welcome("2")])
      })
    )

    it.effect("turns a crash after the reply into phx_error", () =>
      Effect.gen(function* () {
        const { channel, frames, join, session, topics } = yield* open()
        topics.openedDies = true
        yield* join("1")
        assert.deepStrictEqual(frames(), [replied("1", "1", A, "ok", {}), crashed("1")])
        assert.isFalse(session.hasJoined(A))
        assert.deepStrictEqual(channel().log, ["opened", "closed"])
      })
    )

    it.effect("refuses a binary payload", () =>
      Effect.gen(function* () {
        const { frames, send } = yield* open()
        yield* send("1", "1", A, "phx_join", new Uint8Array(3))
        const issues = [{ path: "payload", message: "This event takes a JSON payload" }]
        assert.deepStrictEqual(frames(), [replied("1", "1", A, "error", { reason: "invalid", issues })])
      })
    )

    it.effect("that ends after the connection has, leaves at once and says nothing", () =>
      Effect.gen(function* () {
        const { channel, frames, join, session, topics } = yield* open()
        topics.gate = yield* Deferred.make<void>()
        const joining = yield* Effect.forkChild(join("1"), { startImmediately: true })
        session.end()
        yield* Deferred.succeed(topics.gate, undefined)
        yield* Fiber.join(joining)
        assert.deepStrictEqual(channel().log, ["closed"])
        assert.deepStrictEqual(frames(), [])
        assert.isFalse(session.hasJoined(A))
      })
    )
  })

  describe("on a second join of a topic", () => {
    it.effect("replies, closes the old channel, then lets the new one push", () =>
      Effect.gen(function* () {
        const { channel, frames, join } = yield* open()
        yield* join("3")
        frames()
        yield* join("9")
        assert.deepStrictEqual(frames(), [replied("9", "9", A, "ok", {}), closed("3"), welcome("9")])
        assert.deepStrictEqual(channel(0).log, ["opened", "closed"])
      })
    )

    it.effect("closes the old channel also when the new join is refused, crashes or is binary", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send, session, topics } = yield* open()
        const again = Effect.gen(function* () {
          topics.refusal = undefined
          topics.dies = false
          yield* join("1")
          frames()
        })
        yield* again
        topics.refusal = new NotMember()
        yield* join("2")
        assert.deepStrictEqual(frames(), [
          replied("2", "2", A, "error", { reason: "not_member" }),
          closed("1")
        ])
        yield* again
        topics.dies = true
        yield* join("3")
        assert.deepStrictEqual(frames(), [
          replied("3", "3", A, "error", { reason: "join crashed" }),
          closed("1")
        ])
        yield* again
        yield* send("4", "4", A, "phx_join", new Uint8Array())
        assert.deepStrictEqual(frames()[1], closed("1"))
        assert.isFalse(session.hasJoined(A))
        assert.isTrue([0, 1, 2].every((n) => channel(n).log.at(-1) === "closed"))
      })
    )

    it.effect("answers the pushes before it first", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("1")
        frames()
        const gate = yield* Deferred.make<void>()
        channel().gates.set("later", gate)
        yield* send("1", "2", A, "later")
        const joining = yield* Effect.forkChild(join("3"), { startImmediately: true })
        assert.deepStrictEqual(frames(), [])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(joining)
        assert.deepStrictEqual(frames(), [
          replied("1", "2", A, "ok", { later: true }),
          replied("3", "3", A, "ok", {}),
          closed("1"),
          welcome("3")
        ])
      })
    )

    it.effect("leaves the old channel before the new one is asked for", () =>
      Effect.gen(function* () {
        const { channel, join, topics } = yield* open()
        yield* join("1")
        topics.gate = yield* Deferred.make<void>()
        const joining = yield* Effect.forkChild(join("2"), { startImmediately: true })
        assert.deepStrictEqual(channel(0).log, ["opened", "closed"])
        assert.strictEqual(topics.channels.length, 1)
        yield* Deferred.succeed(topics.gate, undefined)
        yield* Fiber.join(joining)
      })
    )
  })

  describe("on a leave", () => {
    it.effect("replies ok, then closes, for an equal join_ref and for null", () =>
      Effect.gen(function* () {
        const { frames, join, send } = yield* open()
        for (const joinRef of ["3", null]) {
          yield* join("3")
          frames()
          yield* send(joinRef, "16", A, "phx_leave")
          assert.deepStrictEqual(frames(), [replied("3", "16", A, "ok", {}), closed("3")])
        }
      })
    )

    it.effect("ignores a stale one", () =>
      Effect.gen(function* () {
        const { frames, join, send, session } = yield* open()
        yield* join("3")
        frames()
        yield* send("2", "16", A, "phx_leave")
        yield* send(3, "17", A, "phx_leave")
        assert.deepStrictEqual(frames(), [])
        assert.isTrue(session.hasJoined(A))
      })
    )

    it.effect("of a topic that is not joined replies ok only, however often", () =>
      Effect.gen(function* () {
        const { frames, join, send } = yield* open()
        yield* join("1")
        yield* send("1", "2", A, "phx_leave")
        frames()
        yield* send("1", "3", A, "phx_leave")
        yield* send(null, "4", "room:unserved", "phx_leave")
        assert.deepStrictEqual(frames(), [
          replied("1", "3", A, "ok", {}),
          replied(null, "4", "room:unserved", "ok", {})
        ])
      })
    )

    it.effect("waits for the pushes before it that are not answered yet", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("1")
        frames()
        const gate = yield* Deferred.make<void>()
        channel().gates.set("later", gate)
        yield* send("1", "2", A, "later")
        const leaving = yield* Effect.forkChild(send("1", "3", A, "phx_leave"), { startImmediately: true })
        assert.deepStrictEqual(frames(), [])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(leaving)
        assert.deepStrictEqual(frames(), [
          replied("1", "2", A, "ok", { later: true }),
          replied("1", "3", A, "ok", {}),
          closed("1")
        ])
      })
    )
  })

  describe("on a leave, of work that takes no fiber", () => {
    it.effect("waits for it", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("1")
        frames()
        yield* send("1", "2", A, "expected")
        yield* send("1", "3", A, "expected")
        const leaving = yield* Effect.forkChild(send("1", "4", A, "phx_leave"), { startImmediately: true })
        channel().expected[1]?.("second")
        assert.deepStrictEqual(frames(), [replied("1", "3", A, "ok", { word: "second" })])
        channel().expected[0]?.("first")
        yield* Fiber.join(leaving)
        assert.deepStrictEqual(frames(), [
          replied("1", "2", A, "ok", { word: "first" }),
          replied("1", "4", A, "ok", {}),
          closed("1")
        ])
      })
    )

    it.effect("does not wait for ever for what has crashed", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("1")
        yield* send("1", "2", A, "expected")
        channel().expected[0]?.("die")
        frames()
        yield* send("1", "3", A, "phx_leave")
        assert.deepStrictEqual(frames(), [replied("1", "3", A, "ok", {}), closed("1")])
      })
    )
  })

  describe("on any other event", () => {
    it.effect("delivers it for an equal join_ref and for null", () =>
      Effect.gen(function* () {
        const { frames, join, send } = yield* open()
        yield* join("3")
        frames()
        yield* send("3", "5", A, "echo", { x: 1 })
        yield* send(null, "6", A, "refuse")
        yield* send("3", "7", A, "silent")
        yield* send("3", null, A, "echo", [])
        assert.deepStrictEqual(frames(), [
          replied("3", "5", A, "ok", { x: 1 }),
          replied("3", "6", A, "error", { reason: "forbidden", rule: "test" }),
          replied("3", null, A, "ok", [])
        ])
      })
    )

    it.effect("drops it in silence for a stale join_ref; refs are compared strictly", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("3")
        frames()
        for (const stale of ["2", "03", 3, ""]) yield* send(stale, "5", A, "echo")
        assert.deepStrictEqual(frames(), [])
        assert.deepStrictEqual(channel().log, ["opened"])
      })
    )

    it.effect("calls a topic that is not joined unmatched, served or not", () =>
      Effect.gen(function* () {
        const { frames, send } = yield* open()
        yield* send("3", "5", A, "echo")
        yield* send(null, "6", "room:a", "echo")
        assert.deepStrictEqual(frames(), [unmatched("5", A), unmatched("6", "room:a")])
      })
    )

    it.effect("refuses a binary payload, and the channel lives", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send } = yield* open()
        yield* join("3")
        frames()
        yield* send("3", "12", A, "bin", new Uint8Array([1, 2]))
        const issues = [{ path: "payload", message: "This event takes a JSON payload" }]
        assert.deepStrictEqual(frames(), [replied("3", "12", A, "error", { reason: "invalid", issues })])
        assert.deepStrictEqual(channel().log, ["opened"])
      })
    )

    it.effect("turns a crash into phx_error for that channel alone; it can be joined again", () =>
      Effect.gen(function* () {
        const { channel, frames, join, send, session } = yield* open()
        yield* join("3")
        yield* join("4", room(2))
        frames()
        yield* send("3", "5", A, "crash")
        yield* send("3", "6", A, "echo")
        yield* send("4", "7", room(2), "echo")
        assert.deepStrictEqual(frames(), [
          crashed("3"),
          unmatched("6", A),
          replied("4", "7", room(2), "ok", {})
        ])
        assert.deepStrictEqual(channel().log, ["opened", "crash", "closed"])
        assert.isFalse(session.hasJoined(A))
        yield* join("8")
        assert.deepStrictEqual(frames()[0], replied("8", "8", A, "ok", {}))
      })
    )
  })

  it.effect("ends a channel from our side with phx_close, once", () =>
    Effect.gen(function* () {
      const { channel, frames, join, session } = yield* open()
      yield* join("3")
      frames()
      session.kick(A)
      session.kick(A)
      session.kick(room(2))
      assert.deepStrictEqual(frames(), [closed("3")])
      assert.deepStrictEqual(channel().log, ["opened", "closed"])
    })
  )

  it.effect("asks a topic again that was ended from our side while it answered the join", () =>
    Effect.gen(function* () {
      const { channel, frames, join, session, topics } = yield* open()
      const gate = (topics.gate = yield* Deferred.make<void>())
      const joining = yield* Effect.forkChild(join("1"), { startImmediately: true })
      session.kick(room(2))
      session.kick(A)
      topics.onJoined = () => {
        topics.refusal = new NotMember()
      }
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(joining)
      assert.deepStrictEqual(frames(), [replied("1", "1", A, "error", { reason: "not_member" })])
      assert.deepStrictEqual(channel().log, ["closed"])
      assert.isFalse(session.hasJoined(A))
    })
  )

  it.effect("says nothing of a crash in a channel that was ended while it handled an event", () =>
    Effect.gen(function* () {
      const { channel, frames, join, send, session } = yield* open()
      yield* join("3")
      frames()
      const gate = yield* Deferred.make<void>()
      channel().gates.set("slow", gate)
      const handling = yield* Effect.forkChild(send("3", "4", A, "slow"), { startImmediately: true })
      session.kick(A)
      yield* Deferred.die(gate, new Error("slow died"))
      yield* Fiber.join(handling)
      assert.deepStrictEqual(frames(), [closed("3")])
    })
  )

  it.effect("leaves all topics when the connection is gone, and writes nothing about it", () =>
    Effect.gen(function* () {
      const { channel, frames, join, session } = yield* open()
      yield* join("1")
      yield* join("2", room(2))
      frames()
      session.end()
      session.end()
      assert.deepStrictEqual(
        [channel(0).log, channel(1).log],
        [
          ["opened", "closed"],
          ["opened", "closed"]
        ]
      )
      assert.deepStrictEqual(frames(), [])
    })
  )

  it.effect("shows one presence status on all its topics, and tells of changes only", () =>
    Effect.gen(function* () {
      const { channel, join, session } = yield* open()
      yield* join("1")
      yield* join("2", room(2))
      session.setStatus("online")
      session.setStatus("away")
      assert.deepStrictEqual(
        [channel(0).log.at(-1), channel(1).log.at(-1)],
        ["presence away", "presence away"]
      )
      assert.strictEqual(session.status(), "away")
    })
  )

  it.effect("tells its channels when a peer that lost frames has read the others", () =>
    Effect.gen(function* () {
      const { channel, frames, join, session, transport } = yield* open()
      yield* join("1")
      frames()
      transport.unread = 10_000
      session.send({ text: "kept", bytes: Buffer.alloc(0) }, false)
      session.outbox.flush()
      assert.isFalse(session.send({ text: "lost", bytes: Buffer.alloc(0) }, true))
      assert.deepStrictEqual(channel().log, ["opened"])
      transport.drain()
      assert.deepStrictEqual(channel().log, ["opened", "caught up"])
    })
  )

  it.effect("closes in its turn: what came before is answered, what comes after is ignored", () =>
    Effect.gen(function* () {
      const { channel, frames, join, send, session, transport } = yield* open()
      yield* join("1")
      frames()
      const gate = yield* Deferred.make<void>()
      channel().gates.set("later", gate)
      yield* send("1", "2", A, "later")
      const closing = yield* Effect.forkChild(session.handle(UNDECODABLE) ?? Effect.void, {
        startImmediately: true
      })
      assert.deepStrictEqual(transport.closes, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(transport.closes, [{ code: 1011, reason: "undecodable frame" }])
      assert.deepStrictEqual(frames(), [replied("1", "2", A, "ok", { later: true })])
      yield* send("1", "3", A, "echo")
      yield* send(null, "4", "phoenix", "heartbeat")
      assert.deepStrictEqual(frames(), [])
      assert.deepStrictEqual(channel().log, ["opened", "later"])
    })
  )

  it.effect("speaks V1 alike: no join_ref is ever shown, and a missing one matches", () =>
    Effect.gen(function* () {
      const { frames, join, send } = yield* open(v1)
      yield* send(null, "2", A, "phx_join")
      yield* send(null, "3", A, "echo", { x: 1 })
      yield* join("4")
      yield* send(null, "5", A, "phx_leave")
      const v1Reply = (ref: Ref, response: unknown = {}) => ({
        topic: A,
        event: "phx_reply",
        payload: { status: "ok", response },
        ref
      })
      const v1Push = (event: string, ref: Ref) => ({ topic: A, event, payload: {}, ref })
      assert.deepStrictEqual(frames(), [
        v1Reply("2"),
        v1Push("welcome", null),
        v1Reply("3", { x: 1 }),
        v1Reply("4"),
        v1Push("phx_close", null),
        v1Push("welcome", null),
        v1Reply("5"),
        v1Push("phx_close", "4")
      ])
    })
  )
})
