/**
 * The channel `user:{id}` of one socket: one's own events, whichever conversations this socket has joined. The
 * UserActor decides what is delivered here; this is the door to the socket.
 */
import { Clock, Effect, Result } from "effect"
import { JoinUser, UpdatePresence } from "../domain/Commands.ts"
import { decoder } from "../domain/Decode.ts"
import { Forbidden, type Refusal } from "../domain/Errors.ts"
import type { UserId } from "../domain/Ids.ts"
import type { Publication } from "../domain/ports/Broker.ts"
import type { Ref } from "../domain/protocol/Frame.ts"
import { EMPTY } from "../domain/protocol/Frame.ts"
import type { Channel, ChannelHost, Joined } from "./Channel.ts"
import { ChannelPresence, DIFF_EVENT } from "./ChannelPresence.ts"
import { refuse, reply, unknownEvent } from "./ChannelReply.ts"
import { PresenceTracker } from "./PresenceTracker.ts"
import type { SharedFrame } from "./SharedFrame.ts"
import { TopicHub } from "./TopicHub.ts"

const decodeJoin = decoder(JoinUser)
const decodePresence = decoder(UpdatePresence)

interface Services {
  readonly hub: TopicHub["Service"]
  readonly presence: PresenceTracker["Service"]
}

class UserChannel implements Channel {
  readonly topic: string
  readonly joinRef: Ref
  readonly #host: ChannelHost
  readonly #services: Services
  /** `undefined` for a client that wants no presence. */
  readonly #presence: ChannelPresence | undefined

  constructor(host: ChannelHost, services: Services, topic: string, joinRef: Ref, wantsPresence: boolean) {
    this.#host = host
    this.#services = services
    this.topic = topic
    this.joinRef = joinRef
    if (wantsPresence) this.#presence = new ChannelPresence(host, services.presence, topic, joinRef)
  }

  deliver(publication: Publication, frame: SharedFrame): void {
    if (publication.except === this.#host.caller.sessionId) return
    const own = frame.for(this.#host.serializer)
    if (publication.event === DIFF_EVENT) this.#presence?.diff(own)
    else this.#host.send(own, false)
  }

  opened(): void {
    this.#services.hub.subscribe(this.topic, this)
    this.#presence?.open()
  }

  presenceChanged(): void {
    this.#presence?.statusChanged()
  }

  caughtUp(): void {
    this.#presence?.caughtUp()
  }

  close(): void {
    this.#services.hub.unsubscribe(this.topic, this)
    this.#presence?.close()
  }

  handleIn(event: string, payload: unknown, ref: Ref): Effect.Effect<void> {
    return Effect.sync(() => {
      switch (event) {
        case "ping":
          return reply(this.#host, this, ref, EMPTY)
        case "update_presence": {
          const decoded = decodePresence(payload)
          if (Result.isFailure(decoded)) return refuse(this.#host, this, ref, decoded.failure)
          this.#host.setStatus(decoded.success.status)
          return reply(this.#host, this, ref, EMPTY)
        }
        default:
          return unknownEvent(this.#host, this, ref, event)
      }
    })
  }
}

/** How sockets join `user:{id}`: only one's own. */
export const make = Effect.gen(function* () {
  const services: Services = { hub: yield* TopicHub, presence: yield* PresenceTracker }
  return Effect.fnUntraced(function* (
    host: ChannelHost,
    userId: UserId,
    topic: string,
    joinRef: Ref,
    payload: unknown
  ): Effect.fn.Return<Joined, Refusal> {
    const { presence = true } = yield* Effect.fromResult(decodeJoin(payload ?? {}))
    const { identity, sessionId } = host.caller
    if (identity.userId !== userId) return yield* new Forbidden({ rule: "topic:own_user_only" })
    const now = yield* Clock.currentTimeMillis
    const response = JSON.stringify({
      status: "connected",
      user_id: identity.userId,
      device_id: identity.deviceId,
      session_id: sessionId,
      server_time: new Date(now).toISOString()
    })
    return { channel: new UserChannel(host, services, topic, joinRef, presence), response }
  })
})
