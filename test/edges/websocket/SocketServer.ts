/**
 * Both transports of sockets on a server of their own in this process, over real sessions and channels; the
 * conversations behind them are fakes. Tokens are names: `token=alice` is Alice on her phone, `token=alice:laptop` on
 * another device, and `token=alice:phone:60` expires a minute after the server's start. Its timers follow the test's clock.
 */
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Clock, Duration, Effect, Exit, Layer, Redacted, References, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as PresenceTracker from "../../../src/actors/presence/PresenceTracker.ts"
import { UserPresence } from "../../../src/actors/presence/UserPresence.ts"
import * as Sessions from "../../../src/actors/session/Sessions.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import * as LastSeen from "../../../src/actors/user/LastSeen.ts"
import { Me } from "../../../src/actors/user/Me.ts"
import { UserSync } from "../../../src/actors/user/UserSync.ts"
import { Users } from "../../../src/actors/user/Users.ts"
import { TokenRejected } from "../../../src/domain/Errors.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import type { Admission } from "../../../src/domain/ports/Admission.ts"
import { AuditLog } from "../../../src/domain/ports/AuditLog.ts"
import { LastSeenStore } from "../../../src/domain/ports/LastSeenStore.ts"
import type { NodeAddresses } from "../../../src/domain/ports/NodeAddresses.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import * as LongPollRoute from "../../../src/edges/longpoll/LongPollRoute.ts"
import * as SocketRoute from "../../../src/edges/websocket/SocketRoute.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import * as MemoryBroker from "../../../src/layers/memory/MemoryBroker.ts"
import * as MemoryConnectTickets from "../../../src/layers/memory/MemoryConnectTickets.ts"
import * as MemoryNodeAddresses from "../../../src/layers/memory/MemoryNodeAddresses.ts"
import * as MemorySessionCache from "../../../src/layers/memory/MemorySessionCache.ts"
import * as MemoryTokenRevocations from "../../../src/layers/memory/MemoryTokenRevocations.ts"
import * as ChildSpec from "../../../src/supervisors/ChildSpec.ts"
import { Inbox } from "../../support/Inbox.ts"
import * as NoLimits from "../../support/NoLimits.ts"
import * as Poll from "../../support/Poll.ts"
import { Control, layer as fakeConversations } from "./FakeConversations.ts"

/** The UUID of a name; the same name, the same UUID. */
export const userId = (name: string): UserId => {
  const hex = createHash("sha256").update(name).digest("hex")
  return UserId.make(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
  )
}

const identityOf = (token: string, startedAt: number): Identity => ({
  userId: userId(token.split(":")[0] ?? ""),
  deviceId: DeviceId.make(token.split(":")[1] ?? "phone"),
  tokenId: "token",
  trust: "normal",
  scopes: [],
  issuedAt: startedAt,
  expiresAt: startedAt + 1000 * Number(token.split(":")[2] ?? 3600)
})

const namedTokens = (verifying: Effect.Effect<void>, startedAt: number) =>
  Layer.succeed(TokenVerifier, {
    verify: (token) => {
      const name = Redacted.value(token)
      const decided =
        name === "expired" || name === "signature"
          ? Effect.fail(new TokenRejected({ reason: name }))
          : Effect.succeed(identityOf(name, startedAt))
      return Effect.andThen(verifying, decided)
    }
  })

const noUsers = Layer.succeed(Users, {
  opened: () => {},
  closed: () => {},
  following: () => Effect.void,
  online: () => 0,
  supervisor: ChildSpec.worker({ id: "Users", run: Effect.never })
})

/** Of a sync, the channel alone is looked at here. */
const nobodySeen = LastSeen.layer({ interval: Duration.minutes(1), capacity: 1_000 }).pipe(
  Layer.provide(Layer.mock(LastSeenStore, {}))
)

const nothingMissed = Layer.succeed(UserSync, {
  plan: () =>
    Effect.succeed({ _tag: "CatchUp", token: 1, cursor: "1-0", news: [], truncated: [], conversations: [] }),
  page: () => Effect.succeed({ messages: [], next: undefined }),
  ack: () => Effect.void,
  liveCursor: Effect.succeed("0-0")
})

export interface ServerOptions
  extends Partial<Sessions.SessionsOptions>,
    Partial<SocketRoute.SocketRouteOptions>,
    Partial<LongPollRoute.LongPollOptions> {
  /** What the verification of a token waits for. */
  readonly verifying?: Effect.Effect<void>
  readonly admission?: Layer.Layer<Admission>
  /** Of the servers that know of one another; without it, of this one alone. */
  readonly addresses?: Layer.Layer<NodeAddresses>
}

export interface SocketServer {
  readonly port: number
  /** `ws://127.0.0.1:<port>/socket`: what a Phoenix client takes. */
  readonly url: string
  readonly control: Control
  readonly sessions: Sessions.Sessions["Service"]
  readonly hub: TopicHub.TopicHub["Service"]
  readonly audit: AuditLog["Service"]
  /** The method of each plain request, once its handler has returned. */
  readonly requests: Inbox<string>
  /** Bytes that its open connections have brought. */
  readonly received: () => number
  /** Accepts no more connections and closes all there are, as a shutdown does. */
  readonly drain: Effect.Effect<void>
  /** Listens no more and cuts its connections, as the end of a process does. */
  readonly stop: Effect.Effect<void>
}

const defaults = {
  maxSockets: 1_000,
  maxChannels: 100,
  maxWaiting: 64,
  idleTimeout: Duration.seconds(60),
  tokenWarning: Duration.minutes(2),
  tokenGrace: Duration.seconds(60),
  drainTimeout: Duration.seconds(1),
  outbox: { soft: 256 * 1024, hard: 4 * 1024 * 1024 },
  limits: { devices: 10, connections: 100, perAddress: undefined },
  maxFrameBytes: 1024 * 1024,
  allowedOrigins: []
}

export const start = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const settings = { ...defaults, ...options }
  const control = new Control()
  const services = Sessions.layer(settings).pipe(
    Layer.provide(noUsers),
    Layer.provide([nothingMissed, Layer.mock(Me, { markAllRead: () => Effect.succeed({}) })]),
    Layer.provide([nobodySeen, Layer.mock(UserPresence, {})]),
    Layer.provide(PresenceTracker.layer),
    Layer.provide(fakeConversations(control)),
    Layer.provideMerge(TopicHub.layer),
    Layer.provide(MemoryBroker.layer),
    Layer.provideMerge(namedTokens(options.verifying ?? Effect.void, yield* Clock.currentTimeMillis)),
    Layer.provideMerge(MemoryTokenRevocations.layer({ lifetime: Duration.hours(1) })),
    Layer.provide(MemorySessionCache.layer({ lease: Duration.minutes(2) })),
    Layer.merge(MemoryConnectTickets.layer),
    Layer.merge(options.addresses ?? MemoryNodeAddresses.layer),
    Layer.provideMerge(options.admission ?? NoLimits.layer),
    Layer.provideMerge(MemoryAuditLog.layer),
    Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
  )
  return yield* Effect.gen(function* () {
    const sessions = yield* Sessions.Sessions
    const hub = yield* TopicHub.TopicHub
    yield* sessions.supervisor.start
    yield* Effect.forkScoped(sessions.sweep)
    // Closed by `drain` alone: the end of a test must not wait for a clock that stands still.
    const accepting = yield* Scope.make()
    yield* Scope.provide(sessions.accepting, accepting)
    const onUpgrade = yield* SocketRoute.make(settings)
    const longPoll = yield* LongPollRoute.make(settings)
    const requests = new Inbox<string>("requests")
    const server = createServer((request, response) => {
      longPoll.onRequest(request, response)
      requests.put(request.method ?? "")
    }).on("upgrade", onUpgrade)
    const connections = new Set<Socket>()
    server.on("connection", (connection) => {
      connections.add(connection)
      connection.on("close", () => connections.delete(connection))
    })
    const stop = Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      // Upgraded ones included, which `closeAllConnections` leaves alone.
      for (const connection of connections) connection.destroy()
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
      }),
      () => stop
    )
    yield* longPoll.announce({ host: "127.0.0.1", port })
    return {
      port,
      url: `ws://127.0.0.1:${port}/socket`,
      control,
      sessions,
      requests,
      received: () => connections.values().reduce((sum, { bytesRead }) => sum + bytesRead, 0),
      hub,
      audit: yield* AuditLog,
      stop,
      drain: Scope.close(accepting, Exit.void)
    } satisfies SocketServer
  }).pipe(Effect.provide(yield* Layer.build(services)))
})

/** Drains under the test's clock, which is moved on until that is done. */
export const drained = Effect.fnUntraced(function* ({ drain }: SocketServer) {
  const draining = yield* Effect.forkChild(drain)
  const isDone = Effect.map(TestClock.adjust("50 millis"), () => draining.pollUnsafe() !== undefined)
  yield* Poll.until(isDone, { what: "the end of the drain" })
})
