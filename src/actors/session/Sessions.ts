/**
 * The connections of this node: opens a SessionActor for each accepted connection, sweeps silent ones, and drains
 * them all at a shutdown. Transports (WebSocket, long-poll) meet the actors here.
 */
import { Clock, Context, Duration, Effect, type Exit, FiberSet, Layer, Random, type Scope } from "effect"
import type { Identity } from "../../domain/Identity.ts"
import type { UserId } from "../../domain/Ids.ts"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import type { ConnectedSession, SessionLimits } from "../../domain/ports/SessionCache.ts"
import { TokenRevocations } from "../../domain/ports/TokenRevocations.ts"
import type { Frame, Serializer } from "../../domain/protocol/Frame.ts"
import * as ChildSpec from "../../supervisors/ChildSpec.ts"
import type { DynamicSupervisor } from "../../supervisors/DynamicSupervisor.ts"
import * as ConversationChannel from "../conversation/ConversationChannel.ts"
import type { Actor } from "../process/Actor.ts"
import { isAbnormal } from "../process/ExitReason.ts"
import type { Process } from "../process/Process.ts"
import * as UserChannel from "../user/UserChannel.ts"
import { Users } from "../user/Users.ts"
import { Arrivals } from "./Arrivals.ts"
import { Closing, type Connected, type ConnectedOptions } from "./Connected.ts"
import { Outbox, type OutboxLimits, outboxTotals, type Transport } from "./Outbox.ts"
import { type JoinTopic, Session } from "./Session.ts"
import { make as makeRegister, type SessionRegister } from "./SessionRegister.ts"

export interface SessionsOptions {
  readonly maxSockets: number
  readonly maxChannels: number
  /** Frames waiting in one session, past which its transport is paused. */
  readonly maxWaiting: number
  readonly idleTimeout: Duration.Duration
  /** How long before its token expires a connection is told so. */
  readonly tokenWarning: Duration.Duration
  /** How long after that it is closed: what the verifier forgives, too. */
  readonly tokenGrace: Duration.Duration
  readonly drainTimeout: Duration.Duration
  readonly outbox: OutboxLimits
  /** Of one user, and of one address, on all nodes. */
  readonly limits: SessionLimits
}

/** Stops and starts the reading of a connection: the backpressure that a flooding client feels. */
export interface Flow {
  readonly pause: () => void
  readonly resume: () => void
  /** Bytes that have come so far, those of a frame that is still under way included. */
  readonly arrived?: () => number
}

/** A connection that speaks whatever protocol. */
export interface BareConnection {
  readonly identity: Identity
  /** From `admit`. */
  readonly place: ConnectedSession
  readonly transport: Transport
  readonly flow: Flow
}

/** One that speaks Phoenix's. */
export interface Connection extends BareConnection {
  readonly serializer: Serializer
}

/** A session as its transport sees it. */
export interface SessionHandle<F = Frame> {
  readonly receive: (frame: F | Closing) => void
  /** Something arrived that is no frame (a ping): the connection lives. */
  readonly touch: () => void
  /** Closes the connection from our side. */
  readonly close: (code: number, reason: string) => void
  /** The connection is gone. */
  readonly closed: () => void
}

/** Close codes of RFC 6455's registry. */
const GOING_AWAY = 1001
const INTERNAL_ERROR = 1011
const SERVICE_RESTART = 1012
const TRY_AGAIN_LATER = 1013

/** How often silent connections, and expiring tokens, are looked for. */
const SWEEP_INTERVAL = Duration.seconds(5)
/** Sockets are drained in this many batches over the drain timeout, in random order: clients do not return as one. */
const DRAIN_BATCHES = 20
/** How long the drain waits, after the last batch, for sends in flight and for peers to take their close frames. */
const SETTLE_TIMEOUT = Duration.seconds(2)
const SETTLE_POLL = Duration.millis(10)

/**
 * Frames that `ws` has read before a pause takes effect are still delivered: at most what one read of 64 KiB
 * holds. The mailbox has room for them beyond the pausing mark.
 */
const ALREADY_READ = 16 * 1024

interface Live {
  readonly session: Connected
  /** Puts the order to close into the session's mailbox. */
  readonly close: (order: Closing) => void
  readonly flow: Flow
  lastSeen: number
  /** What had arrived when that was last looked at. */
  arrived: number
  /** Frames received and not yet taken up. */
  waiting: number
  isPaused: boolean
  /** The identity whose expiry the client was told of. */
  told: Identity | undefined
}

export class Sessions extends Context.Service<
  Sessions,
  {
    /** A place for one more connection of its user; whoever gets one opens it, or abandons it. */
    readonly admit: SessionRegister["admit"]
    readonly abandon: (place: ConnectedSession) => void
    /** `undefined` when this node holds its maximum of sockets, accepts none, or its supervisor is down. */
    readonly open: (connection: Connection) => SessionHandle | undefined
    /** The same for another protocol; `make` is called when there is room. */
    readonly openWith: <F>(
      connection: BareConnection,
      make: (options: ConnectedOptions) => Connected<F>
    ) => SessionHandle<F> | undefined
    readonly isFull: () => boolean
    /** Whether it takes connections, as long as there is room: false while it drains. */
    readonly isAccepting: () => boolean
    /** Waits for a turn among the connections and joins that come. */
    readonly turn: Effect.Effect<void>
    /**
     * Begins the admission of a connection when its turn among those that come has come. False, and it is not begun,
     * where this node is full with those before it.
     */
    readonly arrive: (begin: () => void) => boolean
    readonly count: () => number
    readonly all: () => Iterable<Connected>
    readonly ofUser: (userId: UserId) => Iterable<Connected>
    /**
     * Closes connections that have been silent for too long, or whose token has expired, having said so in time; runs
     * for ever, a child of the tree.
     */
    readonly sweep: Effect.Effect<never>
    /** Keeps the places of all connections; a child of the tree. */
    readonly keepPlaces: Effect.Effect<never>
    /**
     * Accepts connections as long as the scope is open. When it closes, new ones are refused and every open one is
     * closed (1012) in jittered batches.
     */
    readonly accepting: Effect.Effect<void, never, Scope.Scope>
    /** The supervisor of all session actors, a child of the tree. */
    readonly supervisor: ChildSpec.ChildSpec<Process>
  }
>()("messaging-service/actors/session/Sessions") {}

export const layer = (options: SessionsOptions) =>
  Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const users = yield* Users
      const revocations = yield* TokenRevocations
      const clock = yield* Clock.Clock
      const joinConversation = yield* ConversationChannel.make
      const joinUser = yield* UserChannel.make
      const run = yield* FiberSet.makeRuntime<never>()
      const sessions = new Map<Connected, Live>()
      const byUser = new Map<UserId, Set<Connected>>()
      const perAddress = new Map<string, number>()
      const sessionSupervisor = ChildSpec.dynamic({
        id: "SessionSupervisor",
        intensity: { maxRestarts: 3, within: "1 minute", per: "child" }
      })
      const idleMs = Duration.toMillis(options.idleTimeout)
      const warningMs = Duration.toMillis(options.tokenWarning)
      const graceMs = Duration.toMillis(options.tokenGrace)
      const ofUser = (userId: UserId): Iterable<Connected> => byUser.get(userId) ?? []
      const ofAddress = (address: string): number => perAddress.get(address) ?? 0
      const register = yield* makeRegister(options.limits, { all: () => sessions.keys(), ofUser, ofAddress })
      const abandon = (place: ConnectedSession): void => void run(register.release(place))
      let supervisor: DynamicSupervisor | undefined
      let isAccepting = false
      let received = 0

      const arrivals = new Arrivals()
      /** Of those that wait for their turn, the ones that are no session yet. */
      let arriving = 0

      const joinInTurn: JoinTopic = (host, topic, name, joinRef, payload) =>
        topic.kind === "user"
          ? joinUser(host, topic.userId, name, joinRef, payload)
          : joinConversation(host, topic.conversationId, name, joinRef, payload)

      const turn = Effect.callback<void>((resume) => arrivals.enter(() => resume(Effect.void)))
      const joinTopic: JoinTopic = (...join) => Effect.andThen(turn, joinInTurn(...join))

      yield* LiveMetrics.gauge({
        id: "arrivals_waiting",
        description: "Connections and joins that wait for their turn",
        value: () => arrivals.waiting
      })

      yield* LiveMetrics.gauge({
        id: "sockets_open",
        description: "Sockets of this node, long-poll sessions included",
        value: () => sessions.size
      })
      yield* LiveMetrics.counter({
        id: "socket_frames_written_total",
        description: "Frames handed to sockets",
        value: () => outboxTotals.written
      })
      yield* LiveMetrics.counter({
        id: "socket_frames_dropped_total",
        description: "Ephemeral frames dropped because their socket reads too slowly",
        value: () => outboxTotals.dropped
      })
      yield* LiveMetrics.counter({
        id: "sockets_closed_slow_total",
        description: "Sockets closed (1013) because they read too slowly",
        value: () => outboxTotals.closedSlow
      })
      yield* LiveMetrics.counter({
        id: "socket_frames_received_total",
        description: "Frames that sockets have sent",
        value: () => received
      })
      const takesAny = () => isAccepting && supervisor !== undefined
      const isFull = () => !takesAny() || sessions.size >= options.maxSockets

      const arrive = (begin: () => void): boolean => {
        if (isFull() || sessions.size + arriving >= options.maxSockets) return false
        arriving++
        arrivals.enter(() => {
          arriving--
          begin()
        })
        return true
      }

      const add = (live: Live): void => {
        const { address, caller } = live.session
        const { userId } = caller.identity
        sessions.set(live.session, live)
        perAddress.set(address, ofAddress(address) + 1)
        const own = byUser.get(userId)
        if (own === undefined) byUser.set(userId, new Set([live.session]))
        else own.add(live.session)
      }

      const remove = (session: Connected): void => {
        const { address, caller } = session
        const { userId } = caller.identity
        if (!sessions.delete(session)) return
        const others = ofAddress(address) - 1
        if (others === 0) perAddress.delete(address)
        else perAddress.set(address, others)
        const own = byUser.get(userId)
        if (own?.delete(session) && own.size === 0) byUser.delete(userId)
      }

      const takeUp = (live: Live): void => {
        live.waiting--
        if (live.isPaused && live.waiting <= options.maxWaiting / 2) {
          live.isPaused = false
          live.flow.resume()
        }
      }

      const openWith = <F>(
        { flow, identity, place, transport }: BareConnection,
        make: (options: ConnectedOptions) => Connected<F>
      ): SessionHandle<F> | undefined => {
        if (supervisor === undefined || isFull()) {
          abandon(place)
          return undefined
        }
        const outbox = new Outbox(transport, options.outbox)
        const session = make({
          id: place.sessionId,
          address: place.address,
          connectedAt: place.connectedAt,
          identity,
          outbox,
          fork: run,
          wentOn: (session) => void run(register.update(session))
        })
        let actor: Actor<F | Closing> | undefined
        /** False when the mailbox is full or gone. */
        const tell = (frame: F | Closing): boolean => {
          live.waiting++
          return actor?.castUnsafe(frame) === true
        }
        const live: Live = {
          session,
          close: tell,
          flow,
          lastSeen: clock.currentTimeMillisUnsafe(),
          arrived: flow.arrived?.() ?? 0,
          waiting: 0,
          isPaused: false,
          told: undefined
        }
        const ended = (exit: Exit.Exit<unknown, unknown>): void => {
          remove(session)
          abandon(place)
          session.end()
          users.closed(session)
          if (isAbnormal(exit)) outbox.close(INTERNAL_ERROR, "session crashed")
        }
        const spec = ChildSpec.actor<F | Closing, Connected<F>>({
          id: session.caller.sessionId,
          restart: "temporary",
          capacity: options.maxWaiting + ALREADY_READ,
          init: () => session,
          handle: (frame) => {
            takeUp(live)
            const work = session.handle(frame)
            return work === undefined ? session : Effect.as(work, session)
          }
        })
        add(live)
        run(
          supervisor.startChild(spec).pipe(
            Effect.match({
              onSuccess: (started) => {
                actor = started
                actor?.onExit(ended)
                users.opened(session)
                // Since its token was verified, it may have been revoked.
                if (revocations.isKnown(identity)) session.revoked()
              },
              onFailure: () => {
                remove(session)
                abandon(place)
                outbox.close(TRY_AGAIN_LATER, "no room for a session")
              }
            })
          )
        )
        const touch = () => {
          live.lastSeen = clock.currentTimeMillisUnsafe()
        }
        return {
          touch,
          receive: (frame) => {
            received++
            touch()
            if (!tell(frame)) return outbox.close(TRY_AGAIN_LATER, "too many frames")
            if (live.waiting > options.maxWaiting && !live.isPaused) {
              live.isPaused = true
              flow.pause()
            }
          },
          close: (code, reason) => outbox.close(code, reason),
          closed: () => actor?.shutdown()
        }
      }

      const open = ({ serializer, ...connection }: Connection) =>
        openWith(
          connection,
          (ground) => new Session({ ...ground, serializer, joinTopic, maxChannels: options.maxChannels })
        )

      const minded = (live: Live, now: number): void => {
        const { session } = live
        const { identity } = session.caller
        const left = identity.expiresAt - now
        // The frames of a slow line take their time; it is not silent while they come.
        const arrived = live.flow.arrived?.() ?? 0
        if (arrived !== live.arrived) {
          live.arrived = arrived
          live.lastSeen = now
        }
        // A paused connection is silent because we do not read it.
        if (now - live.lastSeen >= idleMs && !live.isPaused) session.outbox.close(GOING_AWAY, "idle")
        else if (left + graceMs <= 0) session.expired()
        else if (left <= warningMs && live.told !== identity) {
          if (session.expiring(Math.max(0, Math.floor(left / 1000)))) live.told = identity
        }
      }

      const mindAll = Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        for (const live of sessions.values()) minded(live, now)
      })

      const drain = Effect.gen(function* () {
        isAccepting = false
        const batches = Array.from({ length: DRAIN_BATCHES }, (): Array<Live> => [])
        for (const live of sessions.values())
          batches[yield* Random.nextIntBetween(0, DRAIN_BATCHES - 1)]!.push(live)
        const pause = Duration.divideUnsafe(options.drainTimeout, DRAIN_BATCHES)
        for (const batch of batches) {
          if (batch.length === 0) continue
          // In their turn: what these clients have sent is answered first.
          for (const live of batch) live.close(new Closing(SERVICE_RESTART, "draining"))
          if (sessions.size > batch.length) yield* Effect.sleep(pause)
        }
        yield* Effect.repeat(Effect.sleep(SETTLE_POLL), { while: () => sessions.size > 0 }).pipe(
          Effect.timeoutOption(SETTLE_TIMEOUT)
        )
        for (const session of sessions.keys()) session.outbox.close(SERVICE_RESTART, "draining")
      })

      return Sessions.of({
        admit: register.admit,
        abandon,
        open,
        openWith,
        isFull,
        isAccepting: takesAny,
        turn,
        arrive,
        count: () => sessions.size,
        all: () => sessions.keys(),
        ofUser,
        keepPlaces: register.keep,
        sweep: Effect.forever(Effect.delay(mindAll, SWEEP_INTERVAL)),
        accepting: Effect.acquireRelease(
          Effect.sync(() => {
            isAccepting = true
          }),
          () => drain
        ),
        supervisor: {
          ...sessionSupervisor,
          start: Effect.tap(sessionSupervisor.start, (started) => {
            supervisor = started
            return Effect.addFinalizer(() => Effect.sync(() => (supervisor = undefined)))
          })
        }
      })
    })
  )
