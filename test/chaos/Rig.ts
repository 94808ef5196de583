/**
 * The system under chaos: nodes of one cluster, each with cuttable wires of its own to Postgres and to Redis, and a door
 * in front of them that takes a client to any node that answers, as a load balancer does.
 */
import { Effect, type Scope } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Ports from "../support/Ports.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import * as TempDir from "../support/TempDir.ts"

export interface Node {
  readonly name: string
  readonly port: number
  readonly toPostgres: TcpProxy.TcpProxy
  readonly toRedis: TcpProxy.TcpProxy
  /** The process that runs now. */
  app: AppProcess.RunningApp
  readonly restart: Effect.Effect<void, AppProcess.AppProcessError, Scope.Scope>
}

export interface Rig {
  readonly nodes: ReadonlyArray<Node>
  readonly postgres: PostgresServer.PostgresServer["Service"]
  readonly redis: RedisServer.RedisServer["Service"]
  /** The door, as the clients see it. */
  readonly url: string
  readonly wsUrl: string
}

const on = (port: number, url: string) => {
  const copy = new URL(url)
  copy.port = String(port)
  return copy.href
}

export const make = Effect.fnUntraced(function* (size: number) {
  const postgres = yield* PostgresServer.make({ fsync: false })
  const redis = yield* RedisServer.make()
  const DATA_DIR = yield* TempDir.make("chaos")

  const node = Effect.fnUntraced(function* (name: string) {
    const toPostgres = yield* TcpProxy.make(() => [postgres.port])
    const toRedis = yield* TcpProxy.make(() => [redis.port])
    const port = yield* Ports.free()
    const env = {
      APP_ENV: "test",
      CLUSTER: "on",
      DATA_DIR,
      PORT: String(port),
      DATABASE_URL: on(toPostgres.port, postgres.url),
      REDIS_URL: on(toRedis.port, redis.url),
      REDIS_TIMEOUT: "1 second",
      DRAIN_TIMEOUT: "2 seconds",
      RATE_LIMITS: "off"
    }
    const start = AppProcess.start({ env, deadline: 60_000 })
    const made: Node = {
      name,
      port,
      toPostgres,
      toRedis,
      app: yield* start,
      restart: Effect.suspend(() =>
        Effect.map(start, (app) => {
          made.app = app
        })
      )
    }
    return made
  })

  const nodes = yield* Effect.forEach(
    Array.from({ length: size }, (_, i) => `node-${i + 1}`),
    node
  )
  let turn = 0
  const door = yield* TcpProxy.make(() => {
    turn++
    return nodes.map((_, i) => nodes[(turn + i) % nodes.length]!.port)
  })
  return {
    nodes,
    postgres,
    redis,
    url: `http://127.0.0.1:${door.port}`,
    wsUrl: `ws://127.0.0.1:${door.port}/socket`
  } satisfies Rig
})
