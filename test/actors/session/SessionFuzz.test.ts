import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import fc from "fast-check"
import type { Channel, ChannelHost } from "../../../src/actors/session/Channel.ts"
import { refuse, reply } from "../../../src/actors/session/ChannelReply.ts"
import type { Closing } from "../../../src/actors/session/Connected.ts"
import { Outbox } from "../../../src/actors/session/Outbox.ts"
import { type JoinTopic, Session, UNDECODABLE } from "../../../src/actors/session/Session.ts"
import { encoded } from "../../../src/actors/topic/SharedFrame.ts"
import { Forbidden } from "../../../src/domain/Errors.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { SessionId } from "../../../src/domain/Ids.ts"
import type { Frame, Ref, Serializer } from "../../../src/domain/protocol/Frame.ts"
import { v1 } from "../../../src/domain/protocol/V1.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { RecordingTransport } from "./RecordingTransport.ts"
import { type Instruction, type Reply, SessionModel } from "./SessionModel.ts"

/** Steps of one sequence, of which at least a hundred are frames. */
const STEPS = 120
const SEED = Number(process.env.FUZZ_SEED ?? 4)

const MAX_CHANNELS = 3
const served = [1, 2, 3, 4, 5].map((n) => `conversation:00000000-0000-7000-8000-00000000000${n}`)

/** What lets pushes that are worked on be answered. */
class Work {
  #done: Array<() => void> = []

  readonly isDone: Effect.Effect<void> = Effect.callback((resume) => {
    this.#done.push(() => resume(Effect.void))
  })

  /** All of it, and what is begun meanwhile. */
  finish(): void {
    while (this.#done.length > 0) {
      const done = this.#done
      this.#done = []
      for (const then of done) then()
    }
  }
}

/** A channel that does as its payloads say, and counts how often it was closed. */
class Obedient implements Channel {
  readonly topic: string
  readonly joinRef: Ref
  readonly #host: ChannelHost
  readonly #diesWhenOpen: boolean
  readonly #work: Work
  closes = 0

  constructor(host: ChannelHost, work: Work, topic: string, joinRef: Ref, diesWhenOpen: boolean) {
    this.#host = host
    this.#work = work
    this.topic = topic
    this.joinRef = joinRef
    this.#diesWhenOpen = diesWhenOpen
  }

  opened(): void {
    if (this.#diesWhenOpen) throw new Error("opened died")
    const { serializer } = this.#host
    this.#host.send(encoded(serializer.push(this.joinRef, null, this.topic, "welcome", "{}")), false)
  }

  handleIn(_event: string, payload: unknown, ref: Ref): Effect.Effect<void> {
    switch ((payload as Instruction).do) {
      case "refuse":
        return Effect.sync(() => refuse(this.#host, this, ref, new Forbidden({ rule: "fuzz" })))
      case "die":
        return Effect.die(new Error("handleIn died"))
      case "later":
        return Effect.sync(() =>
          this.#host.fork(Effect.map(this.#work.isDone, () => this.#reply(ref, payload)))
        )
      default:
        return Effect.sync(() => this.#reply(ref, payload))
    }
  }

  #reply(ref: Ref, payload: unknown): void {
    reply(this.#host, this, ref, JSON.stringify(payload))
  }

  presenceChanged(): void {}

  close(): void {
    this.closes++
  }
}

type Step =
  | { readonly kind: "frame"; readonly frame: Frame; readonly isBinary: boolean }
  | { readonly kind: "kick"; readonly topic: string }
  | { readonly kind: "settle" }
  | { readonly kind: "garbage"; readonly text: string }

const ref = fc.oneof(fc.constantFrom(null, "1", "2", "3", 1, 2, ""), fc.string({ maxLength: 3 }))
const topic = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...served) },
  { weight: 1, arbitrary: fc.constantFrom("phoenix", "room:a", "conversation:1", "", "__proto__", "räum") }
)
const event = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("phx_join", "phx_join", "phx_leave") },
  {
    weight: 4,
    arbitrary: fc.constantFrom("echo", "heartbeat", "phx_close", "phx_error", "phx_reply", "closing")
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 5 }) }
)
const payload = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: "ok" } as const) },
  {
    weight: 4,
    arbitrary: fc.constantFrom({ do: "refuse" }, { do: "die" }, { do: "die_when_open" }, { do: "later" })
  }
)
/** A binary push cannot say everything: its refs are strings, and a join_ref of no length is null. */
const binaryRef = fc.constantFrom("1", "2", "3")

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc
      .record({ joinRef: ref, ref, topic, event, payload })
      .map((frame): Step => ({ kind: "frame", frame, isBinary: false }))
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        joinRef: fc.oneof(fc.constant(null), binaryRef),
        ref: binaryRef,
        topic,
        event,
        payload: fc.uint8Array({ maxLength: 4 })
      })
      .map((frame): Step => ({ kind: "frame", frame, isBinary: true }))
  },
  { weight: 2, arbitrary: fc.constantFrom(...served).map((topic): Step => ({ kind: "kick", topic })) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "settle" }) }
)

const garbage: fc.Arbitrary<Step> = fc
  .oneof(
    fc.constantFrom(
      "",
      "[",
      "null",
      "{}",
      "[]",
      '["1","1","t","e"]',
      '["1","1",1,"e",{}]',
      '[[],"1","t","e",{}]'
    ),
    fc.string({ maxLength: 8 }).filter((text) => !text.startsWith("["))
  )
  .map((text): Step => ({ kind: "garbage", text }))

/** A way to write frames, to have them decoded, and what answers look like on it. */
interface Wire {
  /** With a thousand of them, another seed is another hundred thousand frames. */
  readonly sequences: number
  readonly serializer: Serializer
  readonly written: (frame: Frame, isBinary: boolean) => Frame | undefined
  readonly shown: (reply: Reply) => string
}

const wires: Readonly<Record<string, Wire>> = {
  V2: {
    sequences: 1_000,
    serializer: v2,
    written: ({ event, joinRef, payload, ref, topic }, isBinary) => {
      if (!isBinary) return v2.decode(JSON.stringify([joinRef, ref, topic, event, payload]))
      const fields = [joinRef ?? "", ref, topic, event].map((text) => Buffer.from(String(text)))
      const header = Buffer.from([0, ...fields.map((field) => field.length)])
      return v2.decodeBinary(Buffer.concat([header, ...fields, payload as Uint8Array]))
    },
    shown: (reply) => JSON.stringify(reply)
  },
  V1: {
    sequences: 100,
    serializer: v1,
    written: ({ event, joinRef, payload, ref, topic }, isBinary) => {
      const frame = { topic, event, payload: isBinary ? { do: "ok" } : payload, ref }
      const text = JSON.stringify(joinRef === null ? frame : { ...frame, join_ref: joinRef })
      return isBinary ? v1.decodeBinary(Buffer.from(text)) : v1.decode(text)
    },
    shown: ([, ref, topic, event, payload]) => JSON.stringify({ topic, event, payload, ref })
  }
}

const open = (serializer: Serializer) => {
  const transport = new RecordingTransport()
  const work = new Work()
  const channels: Array<Obedient> = []
  const joinTopic: JoinTopic = (host, _topic, name, joinRef, payload) => {
    const instruction = (payload as Instruction).do
    if (instruction === "refuse") return Effect.fail(new Forbidden({ rule: "fuzz" }))
    if (instruction === "die") return Effect.die(new Error("join died"))
    return Effect.sync(() => {
      const channel = new Obedient(host, work, name, joinRef, instruction === "die_when_open")
      channels.push(channel)
      return { channel, response: "{}" }
    })
  }
  const outbox = new Outbox(transport, { soft: 1e9, hard: 1e9 })
  const session = new Session({
    address: "192.0.2.1",
    connectedAt: 0,
    wentOn: () => {},
    id: "session" as SessionId,
    identity: {} as Identity,
    serializer,
    outbox,
    joinTopic,
    maxChannels: MAX_CHANNELS,
    fork: Effect.runFork
  })
  /** Frames are taken up one after another, as an actor does; any of them may have to wait. */
  const mailbox: Array<Frame | Closing> = []
  let isBusy = false
  const takeUp = (): void => {
    while (!isBusy && mailbox.length > 0) {
      const handling = session.handle(mailbox.shift()!)
      if (handling === undefined) continue
      isBusy = true
      Effect.runFork(quiet(handling)).addObserver(() => {
        isBusy = false
        takeUp()
      })
    }
  }
  const tell = (frame: Frame | Closing): void => {
    mailbox.push(frame)
    takeUp()
  }
  return { transport, channels, outbox, session, work, tell }
}

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("Session, fuzzed", () => {
  it.each(Object.entries(wires))(
    "answers what is sent over %s exactly as the model does, and leaks no channel",
    (_version, { sequences, serializer, shown, written }) => {
      let frames = 0
      const sequence = fc.tuple(
        fc.array(step, { minLength: STEPS, maxLength: STEPS }),
        fc.option(garbage),
        fc.array(step, { maxLength: 3 })
      )
      fc.assert(
        fc.property(sequence, ([steps, bad, ignored]) => {
          const { channels, outbox, session, tell, transport, work } = open(serializer)
          const model = new SessionModel((name) => Topic.parse(name) !== undefined, MAX_CHANNELS)
          /** Compares what was written since the last time, as the text it is on the wire. */
          const wrote = (expected: ReadonlyArray<Reply>) => {
            outbox.flush()
            const texts = transport.writes.splice(0).flat()
            const wanted = expected.map(shown)
            if (texts.join() !== wanted.join()) assert.deepStrictEqual(texts, wanted)
          }
          const settle = () => {
            work.finish()
            wrote(model.settle())
          }
          const joined = (entries: Iterable<readonly [string, Ref]>) => JSON.stringify([...entries].sort())

          for (const step of steps) {
            if (step.kind === "kick") {
              session.kick(step.topic)
              wrote(model.kick(step.topic))
            } else if (step.kind === "settle") {
              settle()
            } else if (step.kind === "frame") {
              const frame = written(step.frame, step.isBinary)
              assert.isDefined(frame)
              tell(frame!)
              frames++
              wrote(model.handle(frame!))
            }
            const open = channels.filter((channel) => channel.closes === 0)
            const held = joined(open.map((channel) => [channel.topic, channel.joinRef] as const))
            assert.strictEqual(held, joined(model.joined))
          }

          if (bad?.kind === "garbage") {
            assert.isUndefined(serializer.decode(bad.text))
            tell(UNDECODABLE)
            for (const step of ignored) if (step.kind === "frame") tell(written(step.frame, step.isBinary)!)
            settle()
            assert.deepStrictEqual(transport.closes, [{ code: 1011, reason: "undecodable frame" }])
          } else {
            settle()
            assert.deepStrictEqual(transport.closes, [])
          }
          session.end()
          assert.isTrue(channels.every((channel) => channel.closes === 1))
        }),
        { numRuns: sequences, seed: SEED }
      )
      assert.isAtLeast(frames, 100 * sequences)
    }
  )
})
