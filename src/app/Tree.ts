/** What runs over the resources, and in which order: the supervision tree. */
import { Duration, Effect, Layer, Option, type Scope } from "effect"
import * as ConversationRegistry from "../actors/conversation/ConversationRegistry.ts"
import * as PlacedConversations from "../actors/conversation/PlacedConversations.ts"
import * as PresenceExchange from "../actors/presence/PresenceExchange.ts"
import * as Revocations from "../actors/session/Revocations.ts"
import * as Sessions from "../actors/session/Sessions.ts"
import * as TopicRepair from "../actors/topic/TopicRepair.ts"
import * as LastSeen from "../actors/user/LastSeen.ts"
import * as Notifier from "../actors/user/Notifier.ts"
import * as OfflineDispatch from "../actors/user/OfflineDispatch.ts"
import * as Users from "../actors/user/Users.ts"
import { DevIssuer as DevIssuerPort } from "../domain/ports/DevIssuer.ts"
import * as AdminRoutes from "../edges/admin/AdminRoutes.ts"
import * as CrashRoutes from "../edges/admin/CrashRoutes.ts"
import * as Endpoint from "../edges/Endpoint.ts"
import * as GrpcServer from "../edges/grpc/GrpcServer.ts"
import * as LongPollRoute from "../edges/longpoll/LongPollRoute.ts"
import * as ClientErrors from "../edges/rest/ClientErrors.ts"
import * as DevRoutes from "../edges/rest/DevRoutes.ts"
import * as HttpEdge from "../edges/rest/HttpEdge.ts"
import * as RestApp from "../edges/rest/RestApp.ts"
import * as RpcEdge from "../edges/rpc/RpcEdge.ts"
import * as AsyncApi from "../edges/websocket/AsyncApi.ts"
import * as SocketRoute from "../edges/websocket/SocketRoute.ts"
import * as PgAuditLog from "../layers/audit/PgAuditLog.ts"
import { AppConfig } from "../layers/config/AppConfig.ts"
import { limitsOf } from "../layers/config/LimitSettings.ts"
import * as Database from "../layers/database/Database.ts"
import * as Peers from "../layers/grpc/Peers.ts"
import * as Redis from "../layers/redis/Redis.ts"
import * as RedisRateLimiter from "../layers/redis/RedisRateLimiter.ts"
import * as PgConversationStore from "../layers/stores/PgConversationStore.ts"
import * as PgMessageWriter from "../layers/stores/PgMessageWriter.ts"
import * as Telemetry from "../layers/telemetry/Telemetry.ts"
import { PATH as RPC_PATH } from "../rpc/MessagingRpcs.ts"
import * as ChildSpec from "../supervisors/ChildSpec.ts"
import type * as Supervisor from "../supervisors/Supervisor.ts"
import * as Cleanup from "../workers/Cleanup.ts"
import * as Metrics from "../workers/Metrics.ts"
import * as Retention from "../workers/Retention.ts"
import * as ScheduledSends from "../workers/ScheduledSends.ts"

/** The children that stand for something which may not be there. */
const where = <A, C>(part: Option.Option<A>, child: (part: A) => C): ReadonlyArray<C> =>
  Option.toArray(Option.map(part, child))

const intensity = { maxRestarts: 5, within: "1 minute" } as const

/** What runs, in the order of dependence: whatever ends for good takes down what stands after it. */
export const tree = Effect.gen(function* () {
  const config = yield* AppConfig
  const database = yield* Database.Database
  const writer = yield* PgMessageWriter.MessageWriterLoop
  const watermarks = yield* PgConversationStore.WatermarkLoop
  const deliveryTimes = yield* PgConversationStore.DeliveryTimesLoop
  const audit = yield* PgAuditLog.AuditLoop
  const conversationRegistry = yield* ConversationRegistry.ConversationRegistry
  const users = yield* Users.Users
  const sessions = yield* Sessions.Sessions
  const revocations = yield* Revocations.Revocations
  const offline = yield* OfflineDispatch.OfflineDispatch
  const lastSeen = yield* LastSeen.LastSeen
  const notifier = yield* Notifier.Notifier
  const redis = yield* Effect.serviceOption(Redis.Redis)
  const telemetry = yield* Effect.serviceOption(Telemetry.Telemetry)
  const scheduledSends = yield* ScheduledSends.ScheduledSends
  const retention = yield* Retention.Retention
  const peers = yield* Peers.connections
  const cleanup = yield* Cleanup.Cleanup
  const metrics = yield* Metrics.Metrics
  const limiter = yield* Effect.serviceOption(RedisRateLimiter.RateLimiterLoop)
  const repair = yield* Effect.serviceOption(TopicRepair.TopicRepair)
  const presence = yield* PresenceExchange.PresenceExchange
  const placement = yield* Effect.serviceOption(PlacedConversations.PlacementLoop)
  const drainTimeout = Duration.sum(config.drainTimeout, Duration.seconds(10))

  // A free port is chosen once: a restarted server comes back where its clients look for it.
  let port = config.port
  let grpcPort = config.grpcPort

  const listenGrpc = Effect.gen(function* () {
    const listening = yield* GrpcServer.listen({
      host: config.host,
      port: grpcPort,
      sharedPort: config.sharedPort,
      tls: { cert: config.grpcTlsCert, key: config.grpcTlsKey, ca: config.grpcTlsCa },
      timeout: config.grpcTimeout,
      maxCalls: config.maxGrpcCalls,
      perPeer: { rate: limitsOf(config).service.calls, maxCalls: config.maxGrpcPeerCalls },
      trustedProxies: config.trustedProxies,
      maxMessageBytes: config.maxGrpcMessageBytes,
      reflection: config.grpcReflection
    })
    grpcPort = listening.port
    return listening
  })

  const listen = Effect.gen(function* () {
    const devIssuer = yield* Effect.serviceOption(DevIssuerPort)
    const devRoutes = Option.match(devIssuer, {
      onNone: () => Layer.empty,
      onSome: (issuer) => DevRoutes.layer.pipe(Layer.provide(Layer.succeed(DevIssuerPort, issuer)))
    })
    const crashRoutes = config.env === "test" ? CrashRoutes.layer : Layer.empty
    const rpc = yield* RpcEdge.make(config)
    const routes = Layer.mergeAll(
      RestApp.routes(),
      rpc.routes,
      AsyncApi.layer,
      AdminRoutes.layer,
      devRoutes,
      crashRoutes
    )
    const onRequest = yield* HttpEdge.listener(routes, config)
    const longPoll = yield* LongPollRoute.make({ ...config, window: config.longPollWindow })
    const onUpgrade = yield* SocketRoute.make(config)
    const onClientError = yield* ClientErrors.listener
    const upgrades = { [SocketRoute.PATH]: onUpgrade, [RPC_PATH]: rpc.onUpgrade }
    const options = { ...config, onRequest, onLongPoll: longPoll.onRequest, upgrades, onClientError }
    const listening = yield* Endpoint.listen({ ...options, port })
    // Nobody can choose among the processes of a shared port: there each has one of its own besides.
    const own = config.sharedPort
      ? yield* Endpoint.listen({
          ...options,
          host: config.nodeListen ?? config.nodeHost,
          port: 0,
          sharedPort: false
        })
      : listening
    yield* longPoll.announce({ host: config.nodeHost, port: own.port })
    // Acquired after the server, hence released before it: sockets leave while it still listens.
    yield* sessions.accepting
    port = listening.port
    return listening
  })
  const announce = ({ port }: Endpoint.Listening) =>
    Effect.logInfo(`listening http=${port} grpc=${grpcPort} url=http://${config.host}:${port}`)

  const redisSupervisor = where(redis, ({ main, pubsub, queue, session }) =>
    ChildSpec.supervisor({
      id: "Redis",
      strategy: "one_for_one",
      intensity,
      children: [
        ...[main, session, queue].map(({ name: id, run }) => ChildSpec.worker({ id, run })),
        ChildSpec.worker({ id: "pubsub", run: pubsub.run }),
        ...where(limiter, ({ run }) => ChildSpec.worker({ id: "RateLimiter", run }))
      ]
    })
  )

  const spec: Supervisor.SupervisorSpec<
    unknown,
    Exclude<Effect.Services<typeof listen | typeof listenGrpc>, Scope.Scope>
  > = {
    id: "Application",
    strategy: "rest_for_one",
    intensity,
    children: [
      ChildSpec.supervisor({
        id: "Storage",
        strategy: "one_for_all",
        intensity,
        children: [
          ChildSpec.worker({ id: "Database", run: database.keep }),
          ChildSpec.worker({ id: "MessageWriter", run: writer.run, shutdown: drainTimeout }),
          // Stopped after Watermarks: what the last positions have passed over is written, too.
          ChildSpec.worker({ id: "DeliveryTimes", run: deliveryTimes.run, shutdown: drainTimeout }),
          ChildSpec.worker({ id: "Watermarks", run: watermarks.run, shutdown: drainTimeout })
        ]
      }),
      ChildSpec.supervisor({
        id: "Telemetry",
        strategy: "one_for_one",
        intensity,
        children: [
          ...where(telemetry, ({ run }) => ChildSpec.worker({ id: "Otlp", run, shutdown: drainTimeout })),
          ChildSpec.worker({ id: "AuditLog", run: audit.run, shutdown: drainTimeout })
        ]
      }),
      ...redisSupervisor,
      ChildSpec.supervisor({
        id: "Realtime",
        strategy: "rest_for_one",
        intensity,
        children: [
          ...where(repair, ({ run }) => ChildSpec.worker({ id: "TopicRepair", run })),
          ChildSpec.worker({ id: "PresenceTracker", run: presence.run }),
          conversationRegistry.supervisor,
          ...where(placement, ({ join }) =>
            ChildSpec.workerWith({ id: "Placement", init: join, run: () => Effect.never })
          ),
          users.supervisor,
          sessions.supervisor,
          ChildSpec.worker({ id: "SessionSweeper", run: sessions.sweep }),
          ChildSpec.worker({ id: "SessionRegister", run: sessions.keepPlaces }),
          ChildSpec.worker({ id: "Revocations", run: revocations.run })
        ]
      }),
      ChildSpec.supervisor({
        id: "Workers",
        strategy: "one_for_one",
        intensity,
        children: [
          ChildSpec.worker({ id: "OfflineDispatch", run: offline.run }),
          ChildSpec.worker({ id: "Notifier", run: notifier.run }),
          ChildSpec.worker({ id: "LastSeen", run: lastSeen.run, shutdown: drainTimeout }),
          ChildSpec.worker({ id: "ScheduledSends", run: scheduledSends.run }),
          ChildSpec.worker({ id: "Retention", run: retention.run }),
          ChildSpec.worker({ id: "Cleanup", run: cleanup.run }),
          ChildSpec.worker({ id: "Metrics", run: metrics.run })
        ]
      }),
      ChildSpec.supervisor({
        id: "Grpc",
        strategy: "one_for_one",
        intensity,
        children: [
          ...peers.map(({ id, run }) => ChildSpec.worker({ id, run })),
          ChildSpec.workerWith({
            id: "MessagingService",
            init: listenGrpc,
            run: (listening: GrpcServer.GrpcListening) => listening.watchHealth,
            shutdown: drainTimeout
          })
        ]
      }),
      ChildSpec.workerWith({
        id: "Endpoint",
        init: Effect.tap(listen, announce),
        run: (listening: Endpoint.Listening) => listening.broken,
        shutdown: drainTimeout
      })
    ]
  }
  return { spec, ports: () => ({ httpPort: port, grpcPort }) }
})
