/**
 * One connection that speaks typed RPC: the requests it has under way, and the streams that go over it. What a request
 * does is not its business; that no more are under way than may be, and that all are answered before it is closed, is.
 */
import { Effect } from "effect"
import type { FromClientEncoded } from "effect/rpc/RpcMessage"
import { StreamEnded } from "../../domain/ConversationEvent.ts"
import { NotMember, TokenRejected } from "../../domain/Errors.ts"
import type { OpenStream, StreamEnd, StreamHost } from "../conversation/ConversationStream.ts"
import { Closing, Connected, type ConnectedOptions } from "./Connected.ts"

export interface RpcSessionOptions extends ConnectedOptions {
  /** Does what a message asks for. Returns when it is begun; what it is answered comes later. */
  readonly perform: (message: FromClientEncoded) => Effect.Effect<void>
  readonly maxStreams: number
  readonly turn: Effect.Effect<void>
}

/** How long the answers of what is ended may take, when a connection is ended from our side. */
const FAREWELL = "1 second"

/** RFC 6455's close codes. */
const NORMAL = 1000
const POLICY_VIOLATION = 1008

export class RpcSession extends Connected<FromClientEncoded> implements StreamHost {
  readonly turn: Effect.Effect<void>
  readonly #perform: RpcSessionOptions["perform"]
  readonly #maxStreams: number
  readonly #streams = new Map<string, Set<OpenStream>>()
  #streamCount = 0
  readonly #unanswered = new Set<string>()
  /** Called, once each, when everything is answered. */
  readonly #onAnswered: Array<() => void> = []
  #isLeaving = false

  constructor(options: RpcSessionOptions) {
    super(options)
    this.turn = options.turn
    this.#perform = options.perform
    this.#maxStreams = options.maxStreams
  }

  handle(message: FromClientEncoded | Closing): Effect.Effect<void> | undefined {
    if (this.outbox.isClosed) return undefined
    if (message instanceof Closing) return this.#leave(message, new StreamEnded({ reason: "restarting" }))
    // What streams have told must still be acknowledged, or they cannot tell that they have ended.
    if (this.#isLeaving) return message._tag === "Ack" ? this.#perform(message) : undefined
    if (message._tag === "Eof") return this.#leave(new Closing(NORMAL, "end"), undefined)
    if (message._tag === "Request") {
      const id = String(message.id)
      if (this.#unanswered.has(id))
        return this.#leave(new Closing(POLICY_VIOLATION, "duplicate id"), undefined)
      this.#unanswered.add(id)
    }
    return this.#perform(message)
  }

  /** A request has its answer. */
  answered(id: string | number): void {
    this.#unanswered.delete(String(id))
    if (this.#unanswered.size > 0) return
    for (const resume of this.#onAnswered.splice(0)) resume()
  }

  addStream(stream: OpenStream): boolean {
    if (this.#streamCount >= this.#maxStreams || this.hasEnded || this.#isLeaving) return false
    this.#streamCount++
    const same = this.#streams.get(stream.topic)
    if (same === undefined) this.#streams.set(stream.topic, new Set([stream]))
    else same.add(stream)
    this.joinsChanged(stream.topic)
    return true
  }

  removeStream(stream: OpenStream): void {
    const same = this.#streams.get(stream.topic)
    if (same?.delete(stream) !== true) return
    this.#streamCount--
    if (same.size === 0) this.#streams.delete(stream.topic)
    this.joinsChanged(stream.topic)
  }

  get streams(): number {
    return this.#streamCount
  }

  endStreams(reason: StreamEnd): void {
    for (const topic of this.#streams.keys()) this.#endTopic(topic, reason)
  }

  #endTopic(topic: string, reason: StreamEnd): void {
    for (const stream of Array.from(this.#streams.get(topic) ?? [])) stream.end(reason)
  }

  kick(topic: string): void {
    this.#endTopic(topic, new NotMember())
  }

  hasJoined(topic: string): boolean {
    return this.#streams.has(topic)
  }

  /** Streams are of one conversation each. */
  preview(): void {}

  /** Its client connects anew, with a newer token. */
  expiring(): boolean {
    return true
  }

  override revoked(): void {
    this.#dismiss("token_revoked", new TokenRejected({ reason: "revoked" }))
  }

  override expired(): void {
    this.#dismiss("token_expired", new TokenRejected({ reason: "expired" }))
  }

  #dismiss(reason: string, end: TokenRejected): void {
    this.#leave(new Closing(POLICY_VIOLATION, reason), end)
  }

  /** Nothing is taken any more. Streams are ended, what is under way is answered, and then the connection is closed. */
  #leave({ code, reason }: Closing, end: StreamEnd | undefined): undefined {
    if (this.#isLeaving) return
    this.#isLeaving = true
    if (end !== undefined) this.endStreams(end)
    this.fork(
      this.#allAnswered.pipe(
        Effect.timeoutOption(FAREWELL),
        Effect.andThen(Effect.sync(() => this.outbox.close(code, reason)))
      )
    )
  }

  readonly #allAnswered: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#unanswered.size === 0) resume(Effect.void)
    else this.#onAnswered.push(() => resume(Effect.void))
  })
}
