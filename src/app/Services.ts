/** Every resource of the service, built once. Nothing runs yet. */
import { Effect, Layer, Option } from "effect"
import * as Reports from "../actors/conversation/Reports.ts"
import * as ScheduledMessages from "../actors/conversation/ScheduledMessages.ts"
import * as Sessions from "../actors/session/Sessions.ts"
import * as Drafts from "../actors/user/Drafts.ts"
import { type Finding, Health } from "../domain/ports/Health.ts"
import { IdempotencyStore } from "../domain/ports/IdempotencyStore.ts"
import { PresenceCache } from "../domain/ports/PresenceCache.ts"
import { AppConfig } from "../layers/config/AppConfig.ts"
import * as Database from "../layers/database/Database.ts"
import * as Peers from "../layers/grpc/Peers.ts"
import * as Redis from "../layers/redis/Redis.ts"
import * as Measurements from "../layers/telemetry/Measurements.ts"
import * as ProcessMetrics from "../layers/telemetry/ProcessMetrics.ts"
import * as Tree from "../supervisors/Tree.ts"
import * as Cleanup from "../workers/Cleanup.ts"
import * as Metrics from "../workers/Metrics.ts"
import * as Retention from "../workers/Retention.ts"
import * as ScheduledSends from "../workers/ScheduledSends.ts"
import { configured } from "./Configured.ts"
import { realtime } from "./Realtime.ts"
import { storage } from "./Storage.ts"

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
          run: Effect.sync((): Finding => {
            if (!sessions.isAccepting()) return { status: "down", detail: "no new sockets" }
            // It has its clients, and all the rest works: were all nodes full, nobody would be served by any.
            return sessions.isFull() ? { status: "degraded", detail: "no room for more sockets" } : up
          })
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
    const idempotency = yield* IdempotencyStore
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
        tasks: [
          { name: "presence", sweep: presence.sweep },
          { name: "idempotency_keys", sweep: idempotency.sweep }
        ]
      }),
      Metrics.layer({ interval: config.metricsInterval, measurements })
    )
  })
)

/** Every resource of the service. */
export const services = health.pipe(
  Layer.merge(workers),
  Layer.merge(scheduled),
  Layer.merge(drafts),
  Layer.merge(Reports.layer),
  Layer.merge(housekeeping),
  Layer.merge(ProcessMetrics.layer),
  Layer.merge(Tree.layer),
  Layer.provideMerge(realtime),
  Layer.provideMerge(storage)
)
