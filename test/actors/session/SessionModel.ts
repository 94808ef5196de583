/**
 * What a session must answer, written down a second time and as simply as possible: a map of joined topics, and the
 * rules of the wire one after another. Knows nothing of actors, Effects or serializers; frames are V2 values. Pushes may
 * be answered later, and then hold back what must not overtake them.
 */
import type { Frame, Ref } from "../../../src/domain/protocol/Frame.ts"

export type Reply = readonly [Ref, Ref, string, string, unknown]

/** How the channels behind the fuzzed session behave, by what they are told. */
export type Instruction =
  | { readonly do: "ok" }
  | { readonly do: "refuse" }
  | { readonly do: "die" }
  /** Answered by `settle`; until then the frames behind it go on. */
  | { readonly do: "later" }
  | { readonly do: "die_when_open" }

export const REFUSED = { reason: "forbidden", rule: "fuzz" }
const NOT_JSON = {
  reason: "invalid",
  issues: [{ path: "payload", message: "This event takes a JSON payload" }]
}

export class SessionModel {
  readonly joined = new Map<string, Ref>()
  /** Answers of pushes that are being worked on. */
  #later: Array<Reply> = []
  /** Frames that wait for those, and all behind them. */
  readonly #held: Array<Frame> = []
  readonly #isServed: (topic: string) => boolean
  readonly #maxChannels: number

  constructor(isServed: (topic: string) => boolean, maxChannels: number) {
    this.#isServed = isServed
    this.#maxChannels = maxChannels
  }

  handle(frame: Frame): ReadonlyArray<Reply> {
    if (this.#held.length === 0 && !this.#mustWait(frame)) return this.#answer(frame)
    this.#held.push(frame)
    return []
  }

  /** All that is being worked on is done, and what waited for it follows. */
  settle(): ReadonlyArray<Reply> {
    const replies = this.#later
    this.#later = []
    while (this.#held.length > 0 && !this.#mustWait(this.#held[0]!)) {
      replies.push(...this.#answer(this.#held.shift()!))
    }
    return this.#later.length === 0 ? replies : [...replies, ...this.settle()]
  }

  #mustWait({ event, topic }: Frame): boolean {
    if (this.#later.length === 0 || topic === "phoenix") return false
    return event === "phx_leave" || (event === "phx_join" && this.joined.has(topic))
  }

  #answer({ event, joinRef, payload, ref, topic }: Frame): ReadonlyArray<Reply> {
    const reply = (own: Ref, status: string, response: unknown): Reply => [
      own,
      ref,
      topic,
      "phx_reply",
      { status, response }
    ]
    const unmatched = reply(null, "error", { reason: "unmatched topic" })
    const isBinary = payload instanceof Uint8Array
    const instruction = isBinary ? undefined : (payload as Instruction).do
    const isJoined = this.joined.has(topic)
    const current = this.joined.get(topic) ?? null

    if (topic === "phoenix") return [event === "heartbeat" ? reply(null, "ok", {}) : unmatched]

    if (event === "phx_join") {
      if (!this.#isServed(topic)) return [unmatched]
      if (!isJoined && this.joined.size >= this.#maxChannels) {
        return [reply(joinRef, "error", { reason: "too many channels joined" })]
      }
      const old: ReadonlyArray<Reply> = isJoined ? [[current, current, topic, "phx_close", {}]] : []
      this.joined.delete(topic)
      if (isBinary) return [reply(joinRef, "error", NOT_JSON), ...old]
      if (instruction === "refuse") return [reply(joinRef, "error", REFUSED), ...old]
      if (instruction === "die") return [reply(joinRef, "error", { reason: "join crashed" }), ...old]
      if (instruction === "die_when_open") {
        return [reply(joinRef, "ok", {}), ...old, this.#crash(joinRef, topic)]
      }
      this.joined.set(topic, joinRef)
      return [reply(joinRef, "ok", {}), ...old, [joinRef, null, topic, "welcome", {}]]
    }

    if (event === "phx_leave") {
      if (!isJoined) return [reply(joinRef, "ok", {})]
      if (joinRef !== null && joinRef !== current) return []
      this.joined.delete(topic)
      return [reply(current, "ok", {}), [current, current, topic, "phx_close", {}]]
    }

    if (!isJoined) return [unmatched]
    if (joinRef !== null && joinRef !== current) return []
    if (isBinary) return [reply(current, "error", NOT_JSON)]
    if (instruction === "refuse") return [reply(current, "error", REFUSED)]
    if (instruction === "die") {
      this.joined.delete(topic)
      return [this.#crash(current, topic)]
    }
    if (instruction === "later") {
      this.#later.push(reply(current, "ok", payload))
      return []
    }
    return [reply(current, "ok", payload)]
  }

  /** The server ends a channel. */
  kick(topic: string): ReadonlyArray<Reply> {
    const current = this.joined.get(topic)
    if (current === undefined) return []
    this.joined.delete(topic)
    return [[current, current, topic, "phx_close", {}]]
  }

  #crash(joinRef: Ref, topic: string): Reply {
    return [joinRef, joinRef, topic, "phx_error", { reason: "channel_crash" }]
  }
}
