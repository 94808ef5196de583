/**
 * What the doctor looks at: everything the service needs, from this machine and with this environment. Each finding says
 * what to do about it, where that is not plain. Changes nothing.
 */
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { Clock, Duration, Effect, Layer, References, Schedule, type Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Credentials from "../edges/grpc/Credentials.ts"
import { AppConfig, layer as configLayer } from "../layers/config/AppConfig.ts"
import * as Database from "../layers/database/Database.ts"
import * as Migrations from "../layers/database/Migrations.ts"
import * as PeerConnection from "../layers/grpc/PeerConnection.ts"
import * as JwtKeys from "../layers/jwt/JwtKeys.ts"
import * as Redis from "../layers/redis/Redis.ts"

type Status = "ok" | "warning" | "failed"

interface Finding {
  readonly status: Status
  readonly detail: string
  /** What to do about it. */
  readonly advice?: string
}

export interface Checked extends Finding {
  readonly check: string
}

const ok = (detail: string): Finding => ({ status: "ok", detail })
const warning = (detail: string, advice: string): Finding => ({ status: "warning", detail, advice })
const failed = (detail: string, advice: string): Finding => ({ status: "failed", detail, advice })

const DEADLINE = "10 seconds"

const PEER_DEADLINE = "5 seconds"

/** Tokens are believed with a skew of a minute; nodes whose clocks differ by more disagree about them. */
const MAX_SKEW_MS = 5_000

type Config = AppConfig["Service"]

const databaseOf = (config: Config) =>
  Database.layer({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    maxConnections: 1,
    timeout: config.databaseTimeout
  })

const schema = Effect.map(Migrations.pending, (pending) =>
  pending.length === 0
    ? ok("up to date")
    : warning(`${pending.length} steps are missing`, "The next start applies them, or `npm run migrate` does")
)

const clock = Effect.gen(function* () {
  const sql = yield* SqlClient
  const before = yield* Clock.currentTimeMillis
  const rows = yield* sql<{ readonly now: number }>`SELECT extract(epoch FROM now())::float8 * 1000 AS now`
  const after = yield* Clock.currentTimeMillis
  const skew = Math.round((rows[0]?.now ?? 0) - (before + after) / 2)
  return Math.abs(skew) <= MAX_SKEW_MS
    ? ok(`${skew} ms from the database's`)
    : failed(`${skew} ms from the database's`, "Keep both machines' clocks right (NTP)")
})

const database = (config: Config): Effect.Effect<ReadonlyArray<Checked>, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (config.databaseUrl === undefined && !existsSync(config.dataDir)) {
      return [{ check: "database", ...ok(`embedded; the first start makes it, under ${config.dataDir}`) }]
    }
    const services = yield* Layer.build(databaseOf(config))
    const kind = config.databaseUrl === undefined ? `embedded, under ${config.dataDir}` : "a Postgres server"
    return yield* Effect.all([
      Effect.succeed({ check: "database", ...ok(kind) }),
      Effect.map(schema, (finding) => ({ check: "schema", ...finding })),
      Effect.map(clock, (finding) => ({ check: "clock", ...finding }))
    ]).pipe(Effect.provideContext(services))
  }).pipe(
    Effect.timeout(DEADLINE),
    Effect.catch((error) =>
      Effect.succeed([
        {
          check: "database",
          ...(config.databaseUrl === undefined
            ? warning(error.message, "If the service itself is running, all is well")
            : failed(error.message, "See that DATABASE_URL names a running Postgres 15 or newer"))
        }
      ])
    )
  )

const redis = (config: Config): Effect.Effect<Finding, never, Scope.Scope> => {
  const { redisUrl: url } = config
  if (url === undefined) return Effect.succeed(ok("none: this node is alone"))
  return Effect.gen(function* () {
    const services = yield* Layer.build(
      Redis.layer({
        url,
        sessionUrl: config.redisSessionUrl,
        queueUrl: config.redisQueueUrl,
        connections: 1,
        connectTimeout: config.redisConnectTimeout,
        commandTimeout: config.redisTimeout
      })
    )
    const { check, main, pubsub, queue, session } = yield* Effect.provideContext(Redis.Redis, services)
    yield* Effect.forEach([main, session, queue, pubsub], ({ run }) => Effect.forkScoped(run))
    yield* check.pipe(
      Effect.filterOrFail(({ status }) => status === "up"),
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.timeout(Duration.sum(config.redisConnectTimeout, config.redisTimeout))
    )
    return ok("all pools connect")
  }).pipe(
    Effect.catch(({ message }) =>
      Effect.succeed(
        failed(`it cannot be used: ${message}`, "See that REDIS_URL names a running Redis 6 or newer")
      )
    )
  )
}

const keysIn = (path: string): Effect.Effect<Finding> =>
  Effect.match(JwtKeys.fromFile(path), {
    onFailure: ({ message }) => failed(message, "See that JWT_JWKS_FILE names a JSON Web Key Set"),
    onSuccess: () => ok(path)
  })

const keysAt = (url: URL): Effect.Effect<Finding> =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(url, { signal })
    const body: unknown = await response.json()
    const found = typeof body === "object" && body !== null && "keys" in body ? body.keys : undefined
    if (!response.ok || !Array.isArray(found) || found.length === 0)
      throw new Error(`it answers ${response.status}, and no keys`)
    return ok(`${found.length} keys at ${url.origin}`)
  }).pipe(
    Effect.timeout("5 seconds"),
    Effect.catch(() =>
      Effect.succeed(
        failed(`no keys at ${url.origin}`, "See that JWT_JWKS_URL answers with a JSON Web Key Set")
      )
    )
  )

const keys = ({ jwksFile, jwksUrl }: Config): Effect.Effect<Finding> => {
  if (jwksUrl !== undefined) return keysAt(jwksUrl)
  if (jwksFile !== undefined) return keysIn(jwksFile)
  return Effect.succeed(ok("an issuer of this service's own (dev, test)"))
}

const tls = ({ grpcTlsCa: ca, grpcTlsCert: cert, grpcTlsKey: key }: Config): Effect.Effect<Finding> =>
  Effect.match(Credentials.load({ ca, cert, key }), {
    onFailure: ({ message }) => failed(message, "Name files that can be read and belong together, in PEM"),
    onSuccess: () => ok(cert === undefined ? "off" : "on")
  })

/** A service that is reached but not there shows as one that answers: what it says is for its own health to tell. */
const peer = (variable: string, url: URL, config: Config): Effect.Effect<Finding, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* PeerConnection.open(url, {
      ca: config.grpcTlsCa,
      cert: config.grpcTlsCert,
      key: config.grpcTlsKey
    })
    const reach: Effect.Effect<void> = Effect.suspend(() => {
      const state = connection.connectivity()
      return state === "ready" ? Effect.void : Effect.andThen(connection.changed(state), reach)
    })
    yield* Effect.timeout(reach, PEER_DEADLINE)
    return ok(`${url.host} answers`)
  }).pipe(
    Effect.catchTag("PeerFilesUnusable", ({ message }) =>
      Effect.succeed(failed(message, "Name files that can be read, in PEM"))
    ),
    Effect.catchTag("TimeoutError", () =>
      Effect.succeed(
        failed(`${url.host} cannot be reached`, `See that ${variable} names a running gRPC service`)
      )
    )
  )

const peers = (config: Config): Effect.Effect<ReadonlyArray<Checked>> => {
  const configured = [
    ["user service", "USER_SERVICE_URL", config.userServiceUrl],
    ["media service", "MEDIA_SERVICE_URL", config.mediaServiceUrl],
    ["notification service", "NOTIFICATION_SERVICE_URL", config.notificationServiceUrl]
  ] as const
  return Effect.forEach(
    configured.flatMap(([check, variable, url]) => (url === undefined ? [] : [{ check, variable, url }])),
    ({ check, url, variable }) =>
      Effect.map(Effect.scoped(peer(variable, url, config)), (finding) => ({ check, ...finding })),
    { concurrency: "unbounded" }
  )
}

const port = (variable: string, host: string, number: number): Effect.Effect<Finding> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", ({ message }) =>
      resume(
        Effect.succeed(
          warning(
            message,
            `Unless this service holds it already: stop who does, or set ${variable} to another`
          )
        )
      )
    )
    server.listen(number, host, () => {
      server.close(() =>
        resume(Effect.succeed(ok(number === 0 ? "a free one" : `${host}:${number} is free`)))
      )
    })
  })

/** Never fails: what cannot be looked at is a finding, too. */
export const examine = Effect.gen(function* () {
  const config = yield* AppConfig
  const findings = yield* Effect.all(
    [
      Effect.succeed([{ check: "configuration", ...ok(`APP_ENV is ${config.env}`) }]),
      Effect.scoped(database(config)),
      Effect.map(Effect.scoped(redis(config)), (finding) => [{ check: "redis", ...finding }]),
      peers(config),
      Effect.map(keys(config), (finding) => [{ check: "token keys", ...finding }]),
      Effect.map(port("PORT", config.host, config.port), (finding) => [{ check: "port", ...finding }]),
      Effect.map(tls(config), (finding) => [{ check: "gRPC TLS", ...finding }]),
      Effect.map(port("GRPC_PORT", config.host, config.grpcPort), (finding) => [
        { check: "gRPC port", ...finding }
      ])
    ],
    { concurrency: "unbounded" }
  )
  return findings.flat()
}).pipe(
  Effect.provide(configLayer),
  // The findings say it all.
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.catchTag("ConfigInvalid", ({ message }) =>
    Effect.succeed([
      { check: "configuration", ...failed(message, "docs/configuration.md lists what the variables may be") }
    ])
  )
)
