/**
 * The composition root: the only file that joins edges to layers. `services` are the resources, built once from the
 * configuration; `tree` says what runs over them, and in which order.
 */
import { Cause, Context, Duration, Effect, Exit, Layer, Option, type Scope } from "effect"
import packageJson from "../package.json" with { type: "json" }
import * as AuditedConversations from "./actors/AuditedConversations.ts"
import * as BlockNews from "./actors/BlockNews.ts"
import * as ConversationRegistry from "./actors/ConversationRegistry.ts"
import * as Drafts from "./actors/Drafts.ts"
import { RestartIntensityExceeded } from "./actors/ExitReason.ts"
import * as LocalConversations from "./actors/LocalConversations.ts"
import * as Me from "./actors/Me.ts"
import * as Notifier from "./actors/Notifier.ts"
import * as OfflineDispatch from "./actors/OfflineDispatch.ts"
import * as PeerConversations from "./actors/PeerConversations.ts"
import * as PlacedConversations from "./actors/PlacedConversations.ts"
import * as PresenceExchange from "./actors/PresenceExchange.ts"
import * as PresenceTracker from "./actors/PresenceTracker.ts"
import { awaitExit } from "./actors/Process.ts"
import * as Revocations from "./actors/Revocations.ts"
import * as ScheduledMessages from "./actors/ScheduledMessages.ts"
import * as Sessions from "./actors/Sessions.ts"
import * as SignIns from "./actors/SignIns.ts"
import * as TopicHub from "./actors/TopicHub.ts"
import * as TopicRepair from "./actors/TopicRepair.ts"
import * as UserSync from "./actors/UserSync.ts"
import * as Users from "./actors/Users.ts"
import { Admission } from "./domain/ports/Admission.ts"
import type { Blocks } from "./domain/ports/Blocks.ts"
import { Broker } from "./domain/ports/Broker.ts"
import type { ConnectTickets } from "./domain/ports/ConnectTickets.ts"
import { ContentPolicy } from "./domain/ports/ContentPolicy.ts"
import type { ConversationStore } from "./domain/ports/ConversationStore.ts"
import { DevIssuer as DevIssuerPort, type DevTokenRequest } from "./domain/ports/DevIssuer.ts"
import { type Finding, Health } from "./domain/ports/Health.ts"
import { Media } from "./domain/ports/Media.ts"
import type { MessageQueueCache } from "./domain/ports/MessageQueueCache.ts"
import { Notifications } from "./domain/ports/Notifications.ts"
import { PresenceCache } from "./domain/ports/PresenceCache.ts"
import type { RateLimiter } from "./domain/ports/RateLimiter.ts"
import type { SessionCache } from "./domain/ports/SessionCache.ts"
import type { TokenRevocations } from "./domain/ports/TokenRevocations.ts"
import type { TokenVerifier } from "./domain/ports/TokenVerifier.ts"
import { UserDirectory } from "./domain/ports/UserDirectory.ts"
import * as AdminRoutes from "./edges/admin/AdminRoutes.ts"
import * as CrashRoutes from "./edges/admin/CrashRoutes.ts"
import * as Endpoint from "./edges/Endpoint.ts"
import * as GrpcServer from "./edges/grpc/GrpcServer.ts"
import * as LongPollRoute from "./edges/longpoll/LongPollRoute.ts"
import * as ClientErrors from "./edges/rest/ClientErrors.ts"
import * as DevRoutes from "./edges/rest/DevRoutes.ts"
import * as HttpEdge from "./edges/rest/HttpEdge.ts"
import * as RestApp from "./edges/rest/RestApp.ts"
import * as AsyncApi from "./edges/websocket/AsyncApi.ts"
import * as SocketRoute from "./edges/websocket/SocketRoute.ts"
import { AppConfig, ConfigInvalid, layer as configLayer } from "./layers/AppConfig.ts"
import type { Head } from "./layers/AuditChain.ts"
import * as AuditVerification from "./layers/AuditVerification.ts"
import * as ClusterPlacement from "./layers/ClusterPlacement.ts"
import * as RuledContentPolicy from "./layers/content/RuledContentPolicy.ts"
import * as Database from "./layers/Database.ts"
import { DatabaseUnusable } from "./layers/DatabaseUnusable.ts"
import * as DevIssuer from "./layers/DevIssuer.ts"
import * as GuardedAdmission from "./layers/GuardedAdmission.ts"
import * as Peers from "./layers/grpc/Peers.ts"
import type { JwksFileUnusable } from "./layers/JwtKeys.ts"
import * as JwtVerifier from "./layers/JwtVerifier.ts"
import { limitsOf } from "./layers/LimitSettings.ts"
import * as Logging from "./layers/Logging.ts"
import * as Measurements from "./layers/Measurements.ts"
import * as Migrations from "./layers/Migrations.ts"
import * as MemoryBlocks from "./layers/memory/MemoryBlocks.ts"
import * as MemoryBroker from "./layers/memory/MemoryBroker.ts"
import * as MemoryConnectTickets from "./layers/memory/MemoryConnectTickets.ts"
import * as MemoryMessageQueueCache from "./layers/memory/MemoryMessageQueueCache.ts"
import * as MemoryPresenceCache from "./layers/memory/MemoryPresenceCache.ts"
import * as MemoryRateLimiter from "./layers/memory/MemoryRateLimiter.ts"
import * as MemorySessionCache from "./layers/memory/MemorySessionCache.ts"
import * as MemoryTokenRevocations from "./layers/memory/MemoryTokenRevocations.ts"
import * as PgAuditLog from "./layers/PgAuditLog.ts"
import * as PgConversationStore from "./layers/PgConversationStore.ts"
import * as PgDraftStore from "./layers/PgDraftStore.ts"
import * as PgMessageStore from "./layers/PgMessageStore.ts"
import * as PgMessageWriter from "./layers/PgMessageWriter.ts"
import * as PgRetentionStore from "./layers/PgRetentionStore.ts"
import * as PgScheduleStore from "./layers/PgScheduleStore.ts"
import * as PgSyncStore from "./layers/PgSyncStore.ts"
import * as PgUserPreferences from "./layers/PgUserPreferences.ts"
import * as PgWorkLeases from "./layers/PgWorkLeases.ts"
import * as ProcessMetrics from "./layers/ProcessMetrics.ts"
import * as Redis from "./layers/Redis.ts"
import * as RedisBlocks from "./layers/RedisBlocks.ts"
import * as RedisBroker from "./layers/RedisBroker.ts"
import * as RedisConnectTickets from "./layers/RedisConnectTickets.ts"
import * as RedisMessageQueueCache from "./layers/RedisMessageQueueCache.ts"
import * as RedisPresenceCache from "./layers/RedisPresenceCache.ts"
import * as RedisRateLimiter from "./layers/RedisRateLimiter.ts"
import * as RedisSessionCache from "./layers/RedisSessionCache.ts"
import * as RedisTokenRevocations from "./layers/RedisTokenRevocations.ts"
import * as Telemetry from "./layers/Telemetry.ts"
import * as Replacements from "./Replacements.ts"
import * as ChildSpec from "./supervisors/ChildSpec.ts"
import * as Supervisor from "./supervisors/Supervisor.ts"
import * as Tree from "./supervisors/Tree.ts"
import * as Cleanup from "./workers/Cleanup.ts"
import * as Metrics from "./workers/Metrics.ts"
import * as Retention from "./workers/Retention.ts"
import * as ScheduledSends from "./workers/ScheduledSends.ts"

/** Builds a layer from the configuration. */
const configured = <A, E, R>(build: (config: AppConfig["Service"]) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.map(AppConfig, build))

const database = configured((config) =>
  Database.layer({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    maxConnections: config.databaseConnections,
    timeout: config.databaseTimeout
  })
)

const storage = configured((config) => {
  const limits = { capacity: config.writerQueue, maxBatch: config.writerBatch }
  return Layer.mergeAll(
    PgMessageWriter.layer(limits),
    PgMessageStore.layer({ maxPageBytes: config.maxPageBytes }),
    PgConversationStore.layer(limits),
    PgAuditLog.layer({ capacity: config.auditQueue, timeout: config.databaseTimeout }),
    PgDraftStore.layer,
    PgRetentionStore.layer,
    PgScheduleStore.layer,
    PgSyncStore.layer,
    PgUserPreferences.layer,
    PgWorkLeases.layer({ duration: config.workLease })
  )
}).pipe(Layer.provideMerge(Layer.effectDiscard(Migrations.migrate)), Layer.provideMerge(database))

/** The issuer of dev and test. */
const ownIssuer = configured(({ dataDir, jwtAudience: audience, jwtIssuer: issuer }) =>
  DevIssuer.layer({ dataDir, issuer, audience })
)

/**
 * Where no issuer is configured (dev and test only, or the configuration is refused) there is one of our own: then
 * the context also holds a DevIssuer, which `listen` looks for.
 */
const identity = configured(
  (
    config
  ): Layer.Layer<
    TokenVerifier,
    JwksFileUnusable | DevIssuer.DevIssuerKeyUnusable,
    TokenRevocations | AppConfig
  > => {
    const { jwksFile, jwksUrl } = config
    const options = {
      issuer: config.jwtIssuer,
      audience: config.jwtAudience,
      maxAge: config.jwtMaxAge,
      clockSkew: config.jwtClockSkew,
      requireNotBefore: config.jwtRequireNbf,
      cacheCapacity: config.tokenCache,
      cacheTtl: config.tokenCacheTtl
    }
    if (jwksUrl !== undefined) return JwtVerifier.layerUrl(jwksUrl, options)
    if (jwksFile !== undefined) return JwtVerifier.layerFile(jwksFile, options)
    return JwtVerifier.layerDev(options).pipe(Layer.provideMerge(ownIssuer))
  }
)

const contentPolicy = Replacements.orElse(
  ContentPolicy,
  configured(({ blockedWords, contentRules: modes }) => RuledContentPolicy.layer({ blockedWords, modes }))
)

const admission = Replacements.orElse(
  Admission,
  configured((config) =>
    GuardedAdmission.layer({ maxMessageBytes: config.maxMessageBytes, limits: limitsOf(config) })
  )
)

/** Alone, or joined with other nodes by Redis. Then the context also holds a Redis and a TopicRepair, for the tree. */
const shared = configured(
  (
    config
  ): Layer.Layer<
    | TopicHub.TopicHub
    | Broker
    | ConnectTickets
    | SessionCache
    | TokenRevocations
    | MessageQueueCache
    | PresenceCache
    | RateLimiter
    | Blocks,
    Redis.RedisUnusable,
    ConversationStore
  > => {
    // Until no token that was issued before can be believed, whichever clock is wrong.
    const lifetime = Duration.sum(config.jwtMaxAge, Duration.times(config.jwtClockSkew, 2))
    const queue = {
      maxLength: config.maxQueue,
      maxDevices: config.maxDevices,
      lifetime: Duration.toMillis(config.queueLifetime)
    }
    const limited = { maxSubjects: config.maxLimited, lengths: config.blockLengths }
    if (config.redisUrl === undefined) {
      return TopicHub.layer.pipe(
        Layer.provideMerge(Replacements.orElse(Broker, MemoryBroker.layer)),
        Layer.merge(MemoryConnectTickets.layer),
        Layer.merge(MemoryTokenRevocations.layer({ lifetime })),
        Layer.merge(MemorySessionCache.layer({ lease: config.sessionLease })),
        Layer.merge(MemoryMessageQueueCache.layer(queue)),
        Layer.merge(MemoryPresenceCache.layer),
        Layer.merge(MemoryRateLimiter.layer(limited)),
        Layer.merge(MemoryBlocks.layer(limited))
      )
    }
    return Layer.merge(TopicRepair.layer, BlockNews.layer).pipe(
      Layer.provideMerge(TopicHub.layer),
      Layer.provideMerge(RedisBlocks.layer(limited)),
      Layer.provideMerge(Replacements.orElse(Broker, RedisBroker.layer)),
      Layer.merge(RedisRateLimiter.layer(limited)),
      Layer.merge(RedisConnectTickets.layer),
      Layer.merge(RedisPresenceCache.layer),
      Layer.merge(RedisSessionCache.layer({ lease: config.sessionLease })),
      Layer.merge(
        RedisTokenRevocations.layer({
          lifetime,
          cacheTtl: config.revocationCacheTtl,
          whenDown: config.revocationsWhenDown
        })
      ),
      Layer.merge(RedisMessageQueueCache.layer(queue)),
      Layer.provideMerge(
        Redis.layer({
          url: config.redisUrl,
          sessionUrl: config.redisSessionUrl,
          queueUrl: config.redisQueueUrl,
          connections: config.redisConnections,
          connectTimeout: config.redisConnectTimeout,
          commandTimeout: config.redisTimeout
        })
      )
    )
  }
)

/** The actors of this node, and in front of them, in a cluster, the way to those of the others. */
const conversationRegistry = configured((config) => {
  const here = ConversationRegistry.layer({
    mailbox: config.maxConversationMailbox,
    maxActive: config.maxConversations,
    idleTimeout: config.conversationIdleTimeout,
    askTimeout: config.askTimeout,
    editWindow: config.editWindow,
    deleteWindow: config.deleteWindow,
    unanswered: limitsOf(config).suspicion.unanswered,
    maxPositions: config.maxReadPositions
  })
  if (config.cluster === "off" || config.databaseUrl === undefined) return here
  const placement = ClusterPlacement.layer({
    databaseUrl: config.databaseUrl,
    host: config.nodeHost,
    port: config.nodePort,
    patience: config.ownerPatience,
    maxActive: config.maxConversations,
    maxFrameBytes: 4 * config.maxFrameBytes
  })
  return PlacedConversations.layer.pipe(Layer.provide(here), Layer.provide(placement))
})

const offline = configured((config) =>
  OfflineDispatch.layer({ capacity: config.maxConversations, entriesPerSecond: config.queueRate })
)

const peerOptions = (config: AppConfig["Service"]): Peers.PeersOptions => ({
  files: { ca: config.grpcTlsCa, cert: config.grpcTlsCert, key: config.grpcTlsKey },
  timeout: config.peerTimeout,
  maxCalls: config.maxPeerCalls
})

/** A peer that is called is in the context too, for the tree. */
const users = Replacements.orElse(
  UserDirectory,
  configured((config) =>
    Peers.users(config.userServiceUrl, {
      ...peerOptions(config),
      cache: {
        capacity: config.maxPermissions,
        ttl: config.permissionTtl,
        staleTtl: config.permissionStaleTtl,
        whenDown: config.permissionsWhenDown
      }
    })
  )
)

const media = Replacements.orElse(
  Media,
  configured((config) => Peers.media(config.mediaServiceUrl, peerOptions(config)))
)

const notifier = configured(({ maxNotifications }) => Notifier.layer({ capacity: maxNotifications })).pipe(
  Layer.provideMerge(
    Replacements.orElse(
      Notifications,
      configured((config) => Peers.notifications(config.notificationServiceUrl, peerOptions(config)))
    )
  )
)

const conversations = AuditedConversations.layer.pipe(
  Layer.provide(LocalConversations.layer),
  Layer.provideMerge(conversationRegistry),
  Layer.provideMerge(offline),
  Layer.provideMerge(notifier),
  Layer.provideMerge(admission),
  Layer.provide(contentPolicy),
  Layer.provideMerge(users),
  Layer.provideMerge(media)
)

const realtime = configured((config) =>
  Layer.provideMerge(
    Layer.provideMerge(SignIns.layer, Revocations.layer),
    Sessions.layer({
      maxSockets: config.maxSockets,
      maxChannels: config.maxChannels,
      maxWaiting: config.maxSessionMailbox,
      idleTimeout: config.socketIdleTimeout,
      tokenWarning: config.tokenWarning,
      tokenGrace: config.jwtClockSkew,
      drainTimeout: config.drainTimeout,
      outbox: { soft: config.maxOutboxSoft, hard: config.maxOutbox },
      perUser: { devices: config.maxConnectedDevices, connections: config.maxUserSockets }
    })
  )
).pipe(
  Layer.provideMerge(configured(({ maxWatched }) => Users.layer({ maxFollowed: maxWatched }))),
  Layer.provideMerge(configured(({ presenceLease: lease }) => PresenceExchange.layerWith({ lease }))),
  Layer.provideMerge(
    configured(({ maxPresenceKeys: keys, maxPresenceMetas: metas }) =>
      PresenceTracker.layerWith({ keys, metas })
    )
  ),
  Layer.provideMerge(PeerConversations.layer),
  Layer.provide(
    configured(({ maxPending, maxWatched }) => UserSync.layer({ maxPending, maxConversations: maxWatched }))
  ),
  Layer.provideMerge(Me.layer),
  Layer.provideMerge(conversations),
  Layer.provideMerge(identity),
  Layer.provideMerge(shared)
)

/** What works in the background, over everything that clients use. */
const workers = configured((config) =>
  Layer.mergeAll(
    Retention.layer({ interval: config.retentionInterval, batch: config.retentionBatch }),
    ScheduledSends.layer({
      interval: config.scheduleInterval,
      batch: config.scheduleBatch,
      claim: config.workLease
    })
  )
)

const scheduled = configured(({ maxMessageBytes, maxScheduled }) =>
  ScheduledMessages.layer({ maxMessageBytes, maxPending: maxScheduled })
)

const drafts = configured(({ maxDrafts }) => Drafts.layer({ maxDrafts }))

const health = Layer.effect(
  Health,
  Effect.gen(function* () {
    const database = yield* Database.Database
    const sessions = yield* Sessions.Sessions
    const redis = yield* Effect.serviceOption(Redis.Redis)
    const peers = yield* Peers.connections
    const up: Finding = { status: "up" }
    return Health.of({
      checks: [
        {
          name: "database",
          run: Effect.match(database.ping, {
            onSuccess: () => up,
            onFailure: (): Finding => ({ status: "down" })
          })
        },
        {
          name: "sockets",
          run: Effect.sync(
            (): Finding => (sessions.isFull() ? { status: "down", detail: "no new sockets" } : up)
          )
        },
        ...Option.toArray(Option.map(redis, ({ check }) => ({ name: "redis", run: check }))),
        ...peers.map(({ check, name }) => ({ name: name.replace(" ", "_"), run: check }))
      ]
    })
  })
)

const housekeeping = Layer.unwrap(
  Effect.gen(function* () {
    const config = yield* AppConfig
    const presence = yield* PresenceCache
    const redis = yield* Effect.serviceOption(Redis.Redis)
    const measurements = [
      ...(yield* Measurements.shared),
      ...Option.match(redis, {
        onNone: () => [],
        onSome: ({ main, queue, session }) => Measurements.redis([main, session, queue])
      })
    ]
    return Layer.merge(
      Cleanup.layer({
        interval: config.cleanupInterval,
        tasks: [{ name: "presence", sweep: presence.sweep }]
      }),
      Metrics.layer({ interval: config.metricsInterval, measurements })
    )
  })
)

/** What is told of this process while it runs. Where there is a collector, the context also holds a Telemetry, for the tree. */
const observed = configured(
  (config): Layer.Layer<never> =>
    config.otlpUrl === undefined
      ? Layer.empty
      : Telemetry.layer({
          url: config.otlpUrl,
          headers: config.otlpHeaders,
          interval: config.otlpInterval,
          ratio: config.otlpTraces,
          environment: config.env,
          version: packageJson.version
        })
).pipe(Layer.provideMerge(Logging.layer))

/** Every resource of the service. */
export const services = health.pipe(
  Layer.merge(workers),
  Layer.merge(scheduled),
  Layer.merge(drafts),
  Layer.merge(housekeeping),
  Layer.merge(ProcessMetrics.layer),
  Layer.merge(Tree.layer),
  Layer.provideMerge(realtime),
  Layer.provideMerge(storage)
)

const intensity = { maxRestarts: 5, within: "1 minute" } as const

/** What runs, in the order of dependence: whatever ends for good takes down what stands after it. */
const tree = Effect.gen(function* () {
  const config = yield* AppConfig
  const database = yield* Database.Database
  const writer = yield* PgMessageWriter.MessageWriterLoop
  const watermarks = yield* PgConversationStore.WatermarkLoop
  const audit = yield* PgAuditLog.AuditLoop
  const conversationRegistry = yield* ConversationRegistry.ConversationRegistry
  const users = yield* Users.Users
  const sessions = yield* Sessions.Sessions
  const revocations = yield* Revocations.Revocations
  const offline = yield* OfflineDispatch.OfflineDispatch
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
    const routes = Layer.mergeAll(RestApp.routes(), AsyncApi.layer, AdminRoutes.layer, devRoutes, crashRoutes)
    const onRequest = yield* HttpEdge.listener(routes, config)
    const onLongPoll = yield* LongPollRoute.make({ ...config, window: config.longPollWindow })
    const onUpgrade = yield* SocketRoute.make(config)
    const onClientError = yield* ClientErrors.listener
    const listening = yield* Endpoint.listen({
      ...config,
      port,
      onRequest,
      onLongPoll,
      onUpgrade,
      onClientError
    })
    // Acquired after the server, hence released before it: sockets leave while it still listens.
    yield* sessions.accepting
    port = listening.port
    return listening
  })
  const announce = ({ port }: Endpoint.Listening) =>
    Effect.logInfo(`listening http=${port} grpc=${grpcPort} url=http://${config.host}:${port}`)

  const redisSupervisor = Option.map(redis, ({ main, pubsub, queue, session }) =>
    ChildSpec.supervisor({
      id: "Redis",
      strategy: "one_for_one",
      intensity,
      children: [
        ...[main, session, queue].map(({ name: id, run }) => ChildSpec.worker({ id, run })),
        ChildSpec.worker({ id: "pubsub", run: pubsub.run }),
        ...Option.toArray(Option.map(limiter, ({ run }) => ChildSpec.worker({ id: "RateLimiter", run })))
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
          ChildSpec.worker({ id: "Watermarks", run: watermarks.run, shutdown: drainTimeout })
        ]
      }),
      ChildSpec.supervisor({
        id: "Telemetry",
        strategy: "one_for_one",
        intensity,
        children: [
          ...Option.toArray(
            Option.map(telemetry, ({ run }) => ChildSpec.worker({ id: "Otlp", run, shutdown: drainTimeout }))
          ),
          ChildSpec.worker({ id: "AuditLog", run: audit.run, shutdown: drainTimeout })
        ]
      }),
      ...Option.toArray(redisSupervisor),
      ChildSpec.supervisor({
        id: "Realtime",
        strategy: "rest_for_one",
        intensity,
        children: [
          ...Option.toArray(Option.map(repair, ({ run }) => ChildSpec.worker({ id: "TopicRepair", run }))),
          ChildSpec.worker({ id: "PresenceTracker", run: presence.run }),
          conversationRegistry.supervisor,
          ...Option.toArray(
            Option.map(placement, ({ join }) =>
              ChildSpec.workerWith({ id: "Placement", init: join, run: () => Effect.never })
            )
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

/** Runs the service until it is interrupted, or until its tree gives up. */
export const launch = Effect.gen(function* () {
  const running = yield* Tree.Tree
  const { spec } = yield* tree
  yield* Supervisor.launch(spec, running.started)
}).pipe(Effect.provide(services), Effect.provide(observed), Effect.provide(configLayer))

/** The service as a part of another program. */
export class Running extends Context.Service<
  Running,
  {
    readonly httpPort: number
    readonly grpcPort: number
    /** Fails when the tree gives up; never ends otherwise. */
    readonly gaveUp: Effect.Effect<never, RestartIntensityExceeded>
  }
>()("messaging-service/App/Running") {}

const running = Layer.effect(
  Running,
  Effect.gen(function* () {
    const { ports, spec } = yield* tree
    const root = yield* Supervisor.start(spec)
    yield* Effect.flatMap(Tree.Tree, ({ started }) => started(root))
    const gaveUp = Effect.flatMap(awaitExit(root), (exit) => {
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      return error instanceof RestartIntensityExceeded ? Effect.fail(error) : Effect.never
    })
    return Running.of({ ...ports(), gaveUp })
  })
)

/**
 * The service, started with the Layer and stopped with its scope, and all its services. It is configured by the
 * ConfigProvider in scope: the environment, unless another is given.
 */
export const layer = running.pipe(
  Layer.provideMerge(services),
  Layer.provide(observed),
  Layer.provide(configLayer)
)

/** Brings the database up to date, and answers the names of the steps that it applied. */
export const migrate = Migrations.migrate.pipe(
  Effect.provide(database),
  Effect.provide(Logging.layer),
  Effect.provide(configLayer)
)

/** Whether the audit log of the database is the one that was written. */
export const verifyAudit = (witness?: Head) =>
  AuditVerification.verify(witness).pipe(
    Effect.mapError(
      () =>
        new DatabaseUnusable({
          message: "The audit log cannot be read: the database does not answer, or is not migrated"
        })
    ),
    Effect.provide(database),
    Effect.provide(Logging.layer),
    Effect.provide(configLayer)
  )

/** A token of the dev issuer. */
export const devToken = (request: DevTokenRequest) =>
  Effect.gen(function* () {
    const { jwksFile, jwksUrl } = yield* AppConfig
    if (jwksFile === undefined && jwksUrl === undefined) {
      return yield* Effect.provide(
        Effect.flatMap(DevIssuerPort, (issuer) => issuer.issue(request)),
        ownIssuer
      )
    }
    return yield* new ConfigInvalid({
      message: "JWT_JWKS_URL or JWT_JWKS_FILE is set: tokens come from their issuer, not from this service"
    })
  }).pipe(Effect.provide(configLayer))
