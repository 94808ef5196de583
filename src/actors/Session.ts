/**
 * The state of one connection and what its frames do: the topics it has joined, the rules of the wire for joins,
 * leaves and stale refs, and its outbox. One frame at a time, in order (`SessionActor` sees to that): a join
 * holds back the frames behind it until it is answered, as in Phoenix.
 */
import { Cause, Effect, Exit, type Fiber } from "effect"
import { InvalidInput, type Refusal } from "../domain/Errors.ts"
import type { Identity } from "../domain/Identity.ts"
import type { SessionId } from "../domain/Ids.ts"
import type { Status } from "../domain/Presence.ts"
import type { Publication } from "../domain/ports/Broker.ts"
import { EMPTY, type Frame, hasBinaryPayload, type Ref, type Serializer } from "../domain/protocol/Frame.ts"
import * as Topic from "../domain/Topic.ts"
import type { Channel, ChannelHost, Joined } from "./Channel.ts"
import { refusalResponse } from "./ChannelReply.ts"
import type { Outbox } from "./Outbox.ts"
import { type EncodedFrame, encoded } from "./SharedFrame.ts"
import { expiringPayload } from "./TokenRefresh.ts"

const reason = (text: string): string => JSON.stringify({ reason: text })
const UNMATCHED = reason("unmatched topic")
const TOO_MANY = reason("too many channels joined")
const JOIN_CRASHED = reason("join crashed")
const CHANNEL_CRASH = reason("channel_crash")
/** Our channels have no binary events. */
const NOT_JSON = refusalResponse(
  new InvalidInput({ issues: [{ path: "payload", message: "This event takes a JSON payload" }] })
)

/** RFC 6455's close code for a peer that we will not serve. */
const POLICY_VIOLATION = 1008

/** Joins a topic we serve. */
export type JoinTopic = (
  host: ChannelHost,
  topic: Topic.Topic,
  name: string,
  joinRef: Ref,
  payload: unknown
) => Effect.Effect<Joined, Refusal>

export interface SessionOptions {
  readonly id: SessionId
  /** The client's, as limits count it. */
  readonly address: string
  /** Unix ms. */
  readonly connectedAt: number
  readonly identity: Identity
  readonly serializer: Serializer
  readonly outbox: Outbox
  readonly joinTopic: JoinTopic
  readonly maxChannels: number
  /** Runs an effect as a fiber of the sessions' supervisor. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Called when it goes on with another token. */
  readonly wentOn: (session: Session) => void
}

/**
 * Closes the connection in its turn among the client's frames: what came before is done and answered, pushes in
 * flight included, and what comes after is ignored. No client can send it.
 */
export class Closing implements Frame {
  readonly joinRef = null
  readonly ref = null
  readonly topic = ""
  readonly event = "closing"
  readonly payload = undefined
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    this.code = code
    this.reason = reason
  }
}

/** What a transport hands on for input that is no frame. Phoenix, too, closes with this code (RFC 6455). */
export const UNDECODABLE = new Closing(1011, "undecodable frame")

export class Session implements ChannelHost {
  #caller: { readonly identity: Identity; readonly sessionId: SessionId }
  readonly address: string
  readonly connectedAt: number
  readonly serializer: Serializer
  readonly outbox: Outbox
  readonly #wentOn: SessionOptions["wentOn"]
  readonly #fork: SessionOptions["fork"]
  readonly #joinTopic: JoinTopic
  readonly #maxChannels: number
  readonly #channels = new Map<string, Channel>()
  #status: Status = "online"
  #onJoinsChanged: ((topic: string) => void) | undefined
  #hasEnded = false
  /** Effects that channels have forked and that are not done. */
  #inFlight = 0
  /** Called, once each, when nothing is in flight any more. */
  readonly #onSettled: Array<() => void> = []

  constructor(options: SessionOptions) {
    this.#caller = { identity: options.identity, sessionId: options.id }
    this.address = options.address
    this.connectedAt = options.connectedAt
    this.#wentOn = options.wentOn
    this.serializer = options.serializer
    this.outbox = options.outbox
    this.#fork = options.fork
    this.#joinTopic = options.joinTopic
    this.#maxChannels = options.maxChannels
    options.outbox.onCaughtUp(() => {
      for (const channel of this.#channels.values()) channel.caughtUp?.()
    })
  }

  get caller(): { readonly identity: Identity; readonly sessionId: SessionId } {
    return this.#caller
  }

  goOnAs(identity: Identity): void {
    this.#caller = { ...this.#caller, identity }
    this.#wentOn(this)
  }

  send(frame: EncodedFrame, ephemeral: boolean): boolean {
    return this.outbox.push(frame, ephemeral)
  }

  get room(): Effect.Effect<void> {
    return Effect.callback((resume) => this.outbox.whenRoom(() => resume(Effect.void)))
  }

  fork(effect: Effect.Effect<void>): void {
    this.#inFlight++
    this.#fork(effect).addObserver(this.#landed)
  }

  expect<A>(done: (outcome: A) => void): (outcome: A) => void {
    this.#inFlight++
    return (outcome) => {
      try {
        done(outcome)
        this.#landed(Exit.void)
      } catch (defect) {
        this.#landed(Exit.die(defect))
      }
    }
  }

  readonly #landed = (exit: Exit.Exit<void>): void => {
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
      this.#fork(Effect.logError("A channel's work crashed", exit.cause))
    }
    if (--this.#inFlight > 0) return
    for (const resume of this.#onSettled.splice(0)) resume()
  }

  /** Waits until what channels have forked is done, replies included. */
  get settled(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.#inFlight === 0) resume(Effect.void)
      else this.#onSettled.push(() => resume(Effect.void))
    })
  }

  status(): Status {
    return this.#status
  }

  setStatus(status: Status): void {
    if (status === this.#status) return
    this.#status = status
    for (const channel of this.#channels.values()) channel.presenceChanged()
  }

  /** Sets the one listener for topics that are joined or left, until the session ends. */
  onJoinsChanged(listener: (topic: string) => void): void {
    this.#onJoinsChanged = listener
  }

  hasJoined(topic: string): boolean {
    return this.#channels.has(topic)
  }

  /** Hands the publication of another topic to the channel of this one. */
  preview(topic: string, publication: Publication): void {
    this.#channels.get(topic)?.preview?.(publication)
  }

  /** What the frame does; `undefined` when it is done already. */
  handle(frame: Frame): Effect.Effect<void> | undefined {
    if (this.outbox.isClosed) return undefined
    if (frame instanceof Closing) return this.#whenSettled(() => this.outbox.close(frame.code, frame.reason))
    const { event, joinRef, ref, topic } = frame
    if (topic === "phoenix") {
      if (event === "heartbeat") this.#reply(null, ref, topic, "ok", EMPTY)
      else this.#reply(null, ref, topic, "error", UNMATCHED)
      return undefined
    }
    const channel = this.#channels.get(topic)
    switch (event) {
      case "phx_join":
        return this.#join(frame, channel)
      case "phx_leave":
        return this.#whenSettled(() => this.#leave(frame))
      default:
        if (channel === undefined) this.#reply(null, ref, topic, "error", UNMATCHED)
        // A stale join_ref belongs to a channel that is gone; its client no longer listens.
        else if (joinRef !== null && joinRef !== channel.joinRef) return undefined
        else if (hasBinaryPayload(frame)) this.#reply(channel.joinRef, ref, topic, "error", NOT_JSON)
        else return this.#handleIn(channel, frame)
        return undefined
    }
  }

  /** Ends a channel from our side; the client does not rejoin by itself. */
  kick(topic: string): void {
    const channel = this.#channels.get(topic)
    if (channel === undefined) return
    this.#remove(channel)
    this.#closed(channel)
  }

  crash(channel: Channel): void {
    // It may have been closed meanwhile, by `kick`.
    if (this.#channels.get(channel.topic) !== channel) return
    this.#remove(channel)
    this.#push(channel, channel.joinRef, "phx_error", CHANNEL_CRASH)
  }

  /** The token of this connection is worth nothing any more. What its client has sent is not done. */
  revoked(): void {
    this.outbox.close(POLICY_VIOLATION, "token_revoked")
  }

  /** Its token expired, and no newer one came. */
  expired(): void {
    this.outbox.close(POLICY_VIOLATION, "token_expired")
  }

  /** Says on the user's own topic that the token expires soon; false while that is not joined. */
  expiring(seconds: number): boolean {
    const channel = this.#channels.get(Topic.ofUser(this.caller.identity.userId))
    if (channel === undefined) return false
    this.#push(channel, null, "token_expiring", expiringPayload(seconds))
    return true
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The connection is gone: leaves every topic. */
  end(): void {
    this.#hasEnded = true
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
  }

  #whenSettled(then: () => void): Effect.Effect<void> | undefined {
    if (this.#inFlight > 0) return Effect.map(this.settled, then)
    then()
    return undefined
  }

  #handleIn(channel: Channel, { event, payload, ref }: Frame): Effect.Effect<void> | undefined {
    try {
      const work = channel.handleIn(event, payload, ref)
      return work && Effect.catchCause(work, (cause) => this.#crashed(channel, event, cause))
    } catch (defect) {
      return this.#crashed(channel, event, Cause.die(defect))
    }
  }

  #crashed(channel: Channel, event: string, cause: Cause.Cause<never>): Effect.Effect<void> {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    this.crash(channel)
    return Effect.logError("A channel crashed", cause).pipe(
      Effect.annotateLogs({ topic: channel.topic, event, session: this.caller.sessionId })
    )
  }

  #join(frame: Frame, previous: Channel | undefined): Effect.Effect<void> | undefined {
    const { joinRef, payload, ref, topic } = frame
    const parsed = Topic.parse(topic)
    if (parsed === undefined) {
      this.#reply(null, ref, topic, "error", UNMATCHED)
      return undefined
    }
    if (previous === undefined && this.#channels.size >= this.#maxChannels) {
      this.#reply(joinRef, ref, topic, "error", TOO_MANY)
      return undefined
    }
    if (previous !== undefined) this.#remove(previous)
    // The order clients rely on: the new join's reply, the old channel's close, the new channel's pushes.
    const answer = (status: "ok" | "error", response: string): void => {
      this.#reply(joinRef, ref, topic, status, response)
      if (previous !== undefined) this.#closed(previous)
    }
    if (hasBinaryPayload(frame)) {
      answer("error", NOT_JSON)
      return undefined
    }
    return Effect.exit(Effect.suspend(() => this.#joinTopic(this, parsed, topic, joinRef, payload))).pipe(
      Effect.flatMap((exit) => {
        if (Exit.isSuccess(exit)) {
          const { channel, response } = exit.value
          if (this.#hasEnded) return Effect.sync(() => channel.close())
          this.#channels.set(topic, channel)
          this.#onJoinsChanged?.(topic)
          answer("ok", response)
          return Effect.sync(() => channel.opened()).pipe(
            Effect.catchCause((cause) => this.#crashed(channel, "phx_join", cause))
          )
        }
        const refusal = Cause.findErrorOption(exit.cause)
        if (refusal._tag === "Some") {
          answer("error", refusalResponse(refusal.value))
          return Effect.void
        }
        if (Cause.hasInterruptsOnly(exit.cause)) return Effect.failCause(exit.cause as Cause.Cause<never>)
        answer("error", JOIN_CRASHED)
        return Effect.logError("A join crashed", exit.cause).pipe(Effect.annotateLogs({ topic }))
      })
    )
  }

  #leave({ joinRef, ref, topic }: Frame): void {
    const channel = this.#channels.get(topic)
    if (channel === undefined) return this.#reply(joinRef, ref, topic, "ok", EMPTY)
    if (joinRef !== null && joinRef !== channel.joinRef) return
    this.#remove(channel)
    this.#reply(channel.joinRef, ref, topic, "ok", EMPTY)
    this.#closed(channel)
  }

  #remove(channel: Channel): void {
    this.#channels.delete(channel.topic)
    channel.close()
    this.#onJoinsChanged?.(channel.topic)
  }

  #closed(channel: Channel): void {
    this.#push(channel, channel.joinRef, "phx_close", EMPTY)
  }

  #reply(joinRef: Ref, ref: Ref, topic: string, status: "ok" | "error", response: string): void {
    this.outbox.push(encoded(this.serializer.reply(joinRef, ref, topic, status, response)), false)
  }

  #push(channel: Channel, ref: Ref, event: string, payload: string): void {
    this.outbox.push(
      encoded(this.serializer.push(channel.joinRef, ref, channel.topic, event, payload)),
      false
    )
  }
}
