/**
 * The state of one connection and what its frames do: the topics it has joined, the rules of the wire for joins,
 * leaves and stale refs, and its outbox. One frame at a time, in order (`SessionActor` sees to that): a join
 * holds back the frames behind it until it is answered, as in Phoenix.
 */
import { Cause, Effect, Exit } from "effect"
import { InvalidInput, type Refusal } from "../../domain/Errors.ts"
import type { Status } from "../../domain/Presence.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import {
  EMPTY,
  type Frame,
  hasBinaryPayload,
  type Ref,
  type Serializer
} from "../../domain/protocol/Frame.ts"
import * as Topic from "../../domain/Topic.ts"
import { type EncodedFrame, encoded } from "../topic/SharedFrame.ts"
import type { Channel, ChannelHost, Joined } from "./Channel.ts"
import { refusalResponse } from "./ChannelReply.ts"
import { Closing, Connected, type ConnectedOptions } from "./Connected.ts"
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

/** Joins a topic we serve. */
export type JoinTopic = (
  host: ChannelHost,
  topic: Topic.Topic,
  name: string,
  joinRef: Ref,
  payload: unknown
) => Effect.Effect<Joined, Refusal>

export interface SessionOptions extends ConnectedOptions {
  readonly serializer: Serializer
  readonly joinTopic: JoinTopic
  readonly maxChannels: number
}

/** What a transport hands on for input that is no frame. Phoenix, too, closes with this code (RFC 6455). */
export const UNDECODABLE = new Closing(1011, "undecodable frame")

export class Session extends Connected<Frame> implements ChannelHost {
  readonly serializer: Serializer
  readonly #joinTopic: JoinTopic
  readonly #maxChannels: number
  readonly #channels = new Map<string, Channel>()
  #status: Status = "online"
  /** The join under way, and whether its topic was ended from our side meanwhile. */
  #joining: { readonly topic: string; wasKicked: boolean } | undefined

  constructor(options: SessionOptions) {
    super(options)
    this.serializer = options.serializer
    this.#joinTopic = options.joinTopic
    this.#maxChannels = options.maxChannels
    options.outbox.onCaughtUp(() => {
      for (const channel of this.#channels.values()) channel.caughtUp?.()
    })
  }

  send(frame: EncodedFrame, ephemeral: boolean): boolean {
    return this.outbox.push(frame, ephemeral)
  }

  get room(): Effect.Effect<void> {
    return Effect.callback((resume) => this.outbox.whenRoom(() => resume(Effect.void)))
  }

  status(): Status {
    return this.#status
  }

  setStatus(status: Status): void {
    if (status === this.#status) return
    this.#status = status
    for (const channel of this.#channels.values()) channel.presenceChanged()
  }

  hasJoined(topic: string): boolean {
    return this.#channels.has(topic)
  }

  preview(topic: string, publication: Publication): void {
    this.#channels.get(topic)?.preview?.(publication)
  }

  handle(frame: Frame | Closing): Effect.Effect<void> | undefined {
    if (this.outbox.isClosed) return undefined
    if (frame instanceof Closing) return this.whenSettled(() => this.outbox.close(frame.code, frame.reason))
    const { event, joinRef, ref, topic } = frame
    if (topic === "phoenix") {
      if (event === "heartbeat") this.#reply(null, ref, topic, "ok", EMPTY)
      else this.#reply(null, ref, topic, "error", UNMATCHED)
      return undefined
    }
    const channel = this.#channels.get(topic)
    switch (event) {
      case "phx_join":
        if (channel === undefined || this.isSettled) return this.#join(frame)
        // The old channel answers what it was asked before it goes.
        return Effect.flatMap(this.settled, () => this.#join(frame) ?? Effect.void)
      case "phx_leave":
        return this.whenSettled(() => this.#leave(frame))
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
    if (channel === undefined) {
      if (this.#joining?.topic === topic) this.#joining.wasKicked = true
      return
    }
    this.#remove(channel)
    this.#closed(channel)
  }

  crash(channel: Channel): void {
    // It may have been closed meanwhile, by `kick`.
    if (this.#channels.get(channel.topic) !== channel) return
    this.#remove(channel)
    this.#push(channel, channel.joinRef, "phx_error", CHANNEL_CRASH)
  }

  /** Says on the user's own topic that the token expires soon; false while that is not joined. */
  expiring(seconds: number): boolean {
    const channel = this.#channels.get(Topic.ofUser(this.caller.identity.userId))
    if (channel === undefined) return false
    this.#push(channel, null, "token_expiring", expiringPayload(seconds))
    return true
  }

  /** Leaves every topic. */
  override end(): void {
    super.end()
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
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

  #join(frame: Frame): Effect.Effect<void> | undefined {
    const { joinRef, ref, topic } = frame
    const previous = this.#channels.get(topic)
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
    return this.#asked(frame, parsed).pipe(
      Effect.flatMap((exit) => {
        if (Exit.isSuccess(exit)) {
          const { channel, response } = exit.value
          if (this.hasEnded) return Effect.sync(() => channel.close())
          this.#channels.set(topic, channel)
          this.joinsChanged(topic)
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

  /**
   * How the topic answers the join. An answer is worth nothing when the channel was ended on its way here (its user was
   * removed, say): the topic is asked again.
   */
  #asked(frame: Frame, parsed: Topic.Topic): Effect.Effect<Exit.Exit<Joined, Refusal>> {
    const { joinRef, payload, topic } = frame
    return Effect.suspend(() => {
      const joining = { topic, wasKicked: false }
      this.#joining = joining
      return Effect.flatMap(
        Effect.exit(Effect.suspend(() => this.#joinTopic(this, parsed, topic, joinRef, payload))),
        (exit) => {
          this.#joining = undefined
          if (!joining.wasKicked || Exit.isFailure(exit)) return Effect.succeed(exit)
          exit.value.channel.close()
          return this.#asked(frame, parsed)
        }
      )
    })
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
    this.joinsChanged(channel.topic)
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
