/**
 * The channel `user:{id}` of one socket: one's own events, whichever conversations this socket has joined. The
 * UserActor decides what is delivered here; this is the door to the socket.
 *
 * A join is followed by what the device missed (`CatchUp`). Previews are subscribed to before that is looked up, so
 * nothing falls between.
 */
import { Clock, Effect, type Fiber, FiberSet, Result } from "effect"
import { Acknowledge, JoinUser, MarkAllRead, RefreshToken, UpdatePresence } from "../../domain/Commands.ts"
import { decoder } from "../../domain/Decode.ts"
import { Forbidden, type InvalidInput, type Refusal } from "../../domain/Errors.ts"
import type { UserId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { Ref } from "../../domain/protocol/Frame.ts"
import { EMPTY } from "../../domain/protocol/Frame.ts"
import { WatchPresence } from "../../domain/UserPresence.ts"
import { Conversations } from "../conversation/Conversations.ts"
import { ChannelPresence, DIFF_EVENT } from "../presence/ChannelPresence.ts"
import { PresenceTracker } from "../presence/PresenceTracker.ts"
import { UserPresence } from "../presence/UserPresence.ts"
import type { WatchList } from "../presence/WatchList.ts"
import type { Channel, ChannelHost, Joined } from "../session/Channel.ts"
import { refuse, reply, unknownEvent } from "../session/ChannelReply.ts"
import * as TokenRefresh from "../session/TokenRefresh.ts"
import { encoded, type SharedFrame } from "../topic/SharedFrame.ts"
import { TopicHub } from "../topic/TopicHub.ts"
import { CatchUp } from "./CatchUp.ts"
import { LastSeen } from "./LastSeen.ts"
import { Me } from "./Me.ts"
import { UserSync } from "./UserSync.ts"
import { Users } from "./Users.ts"

const decodeJoin = decoder(JoinUser)
const decodePresence = decoder(UpdatePresence)
const decodeRefresh = decoder(RefreshToken)
const decodeAck = decoder(Acknowledge)
const decodeMarkAllRead = decoder(MarkAllRead)
const decodeWatch = decoder(WatchPresence)

/** What may change whom one may watch, and what one is told of them. */
const WATCH_CHANGES: ReadonlySet<string> = new Set([
  "member_removed",
  "conversation_deleted",
  "preferences_updated"
])

interface Services {
  readonly hub: TopicHub["Service"]
  readonly presence: PresenceTracker["Service"]
  readonly conversations: Conversations["Service"]
  readonly sync: UserSync["Service"]
  readonly me: Me["Service"]
  readonly users: Users["Service"]
  readonly others: UserPresence["Service"]
  readonly lastSeen: LastSeen["Service"]
  readonly refreshToken: TokenRefresh.RefreshToken
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

interface Joining {
  readonly wantsPresence: boolean
  readonly cursor: string | undefined
}

class UserChannel implements Channel {
  readonly topic: string
  readonly joinRef: Ref
  readonly #host: ChannelHost
  readonly #services: Services
  /** `undefined` for a client that wants no presence. */
  readonly #presence: ChannelPresence | undefined
  readonly #catchUp: CatchUp
  /** Only of who watches others. */
  #watchList: WatchList | undefined
  #catchingUp: Fiber.Fiber<void> | undefined
  #isSeen = false

  constructor(host: ChannelHost, services: Services, topic: string, joinRef: Ref, joining: Joining) {
    this.#host = host
    this.#services = services
    this.topic = topic
    this.joinRef = joinRef
    if (joining.wantsPresence) this.#presence = new ChannelPresence(host, services.presence, topic, joinRef)
    this.#catchUp = new CatchUp(
      services,
      host,
      joining.cursor,
      (event, payload) => void this.#push(event, JSON.stringify(payload))
    )
  }

  #push(event: string, payload: string, ephemeral = false): boolean {
    return this.#host.send(
      encoded(this.#host.serializer.push(this.joinRef, null, this.topic, event, payload)),
      ephemeral
    )
  }

  deliver(publication: Publication, frame: SharedFrame): void {
    if (WATCH_CHANGES.has(publication.event)) this.#watchList?.doubt()
    if (publication.except === this.#host.caller.sessionId) return
    const own = frame.for(this.#host.serializer)
    if (publication.event === DIFF_EVENT) this.#presence?.diff(own)
    else this.#host.send(own, false)
  }

  preview(publication: Publication): void {
    this.#catchUp.previewed(publication)
    this.#push(publication.event, publication.payload)
  }

  opened(): void {
    this.#services.hub.subscribe(this.topic, this)
    this.#presence?.open()
    this.#seen(this.#presence !== undefined)
    const catchingUp = this.#services.run(this.#catchUp.run)
    this.#catchingUp = catchingUp
    catchingUp.addObserver(() => {
      this.#catchingUp = undefined
    })
  }

  presenceChanged(): void {
    this.#presence?.statusChanged()
  }

  caughtUp(): void {
    this.#presence?.caughtUp()
    this.#watchList?.caughtUp()
  }

  /** Who is not shown is not here, either. */
  #seen(isSeen: boolean): void {
    if (isSeen === this.#isSeen) return
    this.#isSeen = isSeen
    const { userId } = this.#host.caller.identity
    if (isSeen) this.#services.lastSeen.arrived(userId)
    else this.#services.lastSeen.left(userId)
  }

  close(): void {
    this.#catchingUp?.interruptUnsafe()
    this.#services.hub.unsubscribe(this.topic, this)
    this.#presence?.close()
    this.#watchList?.close()
    this.#seen(false)
  }

  handleIn(event: string, payload: unknown, ref: Ref): Effect.Effect<void> {
    switch (event) {
      case "ping":
        return Effect.map(this.#catchUp.cursor, (cursor) =>
          reply(this.#host, this, ref, cursor === undefined ? EMPTY : JSON.stringify({ cursor }))
        )
      case "ack":
        return this.#answer(ref, decodeAck(payload), ({ cursor }) => this.#catchUp.ack(cursor))
      case "mark_all_read":
        return this.#answer(ref, decodeMarkAllRead(payload), ({ conversation_ids: ids }) =>
          Effect.map(this.#services.me.markAllRead(this.#host.caller, ids), (positions) => ({ positions }))
        )
      case "update_presence":
        return this.#answer(ref, decodePresence(payload), ({ status }) =>
          Effect.sync(() => this.#host.setStatus(status))
        )
      case "watch_presence":
        return this.#answer(ref, decodeWatch(payload), ({ user_ids }) => this.#watch(user_ids))
      case "refresh_token":
        return this.#answer(ref, decodeRefresh(payload), ({ token }) =>
          this.#services.refreshToken(this.#host, token)
        )
      default:
        return Effect.sync(() => unknownEvent(this.#host, this, ref, event))
    }
  }

  readonly #watch = Effect.fnUntraced({ self: this }, function* (userIds: ReadonlyArray<UserId>) {
    this.#watchList ??= yield* this.#services.others.watch(this.#host.caller.identity, (presence) =>
      this.#push("user_presence_changed", JSON.stringify(presence), true)
    )
    return { presences: yield* this.#watchList.replace(userIds) }
  })

  #answer<I, A>(
    ref: Ref,
    input: Result.Result<I, InvalidInput>,
    run: (input: I) => Effect.Effect<A, Refusal>
  ): Effect.Effect<void> {
    if (Result.isFailure(input)) return Effect.sync(() => refuse(this.#host, this, ref, input.failure))
    return Effect.match(run(input.success), {
      onSuccess: (response) => reply(this.#host, this, ref, JSON.stringify(response ?? {})),
      onFailure: (refusal) => refuse(this.#host, this, ref, refusal)
    })
  }
}

/** How sockets join `user:{id}`: only one's own. */
export const make = Effect.gen(function* () {
  const services: Services = {
    hub: yield* TopicHub,
    presence: yield* PresenceTracker,
    conversations: yield* Conversations,
    sync: yield* UserSync,
    me: yield* Me,
    users: yield* Users,
    others: yield* UserPresence,
    lastSeen: yield* LastSeen,
    refreshToken: yield* TokenRefresh.make,
    run: yield* FiberSet.makeRuntime<never>()
  }
  return Effect.fnUntraced(function* (
    host: ChannelHost,
    userId: UserId,
    topic: string,
    joinRef: Ref,
    payload: unknown
  ): Effect.fn.Return<Joined, Refusal> {
    const { cursor, presence = true } = yield* Effect.fromResult(decodeJoin(payload ?? {}))
    const { identity, sessionId } = host.caller
    if (identity.userId !== userId) return yield* new Forbidden({ rule: "topic:own_user_only" })
    yield* services.users.following(userId)
    const now = yield* Clock.currentTimeMillis
    const response = JSON.stringify({
      status: "connected",
      user_id: identity.userId,
      device_id: identity.deviceId,
      session_id: sessionId,
      server_time: new Date(now).toISOString()
    })
    const joining = { wantsPresence: presence, cursor: cursor ?? undefined }
    return { channel: new UserChannel(host, services, topic, joinRef, joining), response }
  })
})
