/**
 * The system under chaos: nodes of one cluster, each with cuttable wires of its own to Postgres, to Redis and from the
 * other nodes, and a door in front of them that takes a client to any node that answers, as a load balancer does. Their
 * clocks differ, as far as clocks may (`docs/scaling.md`).
 */
import { Effect, type Scope } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Ports from "../support/Ports.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import * as TempDir from "../support/TempDir.ts"
import * as WrongClock from "../support/WrongClock.ts"
import * as Tokens from "./Tokens.ts"

export type Wire = Pick<TcpProxy.TcpProxy, "cut" | "freeze" | "heal">

export interface Node {
  readonly name: string
  readonly port: number
  readonly toPostgres: TcpProxy.TcpProxy
  readonly toRedis: TcpProxy.TcpProxy
  /** Whatever comes from other nodes: asks of the cluster, requests of long-poll sessions. */
  readonly fromNodes: Wire
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
  readonly token: Tokens.Issue
}

/** Milliseconds by which the clocks of the nodes are wrong, in turn. */
const CLOCKS = [0, 5_000, -5_000] as const

const together = (wires: ReadonlyArray<Wire>): Wire => {
  const all = (what: keyof Wire) => Effect.forEach(wires, (wire) => wire[what], { discard: true })
  return { cut: all("cut"), freeze: all("freeze"), heal: all("heal") }
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

  const node = Effect.fnUntraced(function* (index: number) {
    const toPostgres = yield* TcpProxy.make(() => [postgres.port])
    const toRedis = yield* TcpProxy.make(() => [redis.port])
    const [port, nodePort] = [yield* Ports.free(), yield* Ports.free()]
    // It listens on 127.0.0.1. Others know it by another address, where nothing but the wires are.
    const host = `127.0.0.${10 + index}`
    const fromNodes = yield* Effect.forEach([port, nodePort], (port) =>
      TcpProxy.make(() => [port], { host, port })
    )
    const env = {
      ...WrongClock.env(CLOCKS[index % CLOCKS.length]!),
      APP_ENV: "test",
      CLUSTER: "on",
      DATA_DIR,
      PORT: String(port),
      NODE_HOST: host,
      NODE_LISTEN: "127.0.0.1",
      NODE_PORT: String(nodePort),
      DATABASE_URL: on(toPostgres.port, postgres.url),
      REDIS_URL: on(toRedis.port, redis.url),
      REDIS_TIMEOUT: "1 second",
      DRAIN_TIMEOUT: "2 seconds",
      RATE_LIMITS: "off"
    }
    const start = AppProcess.start({ env, deadline: 60_000 })
    const made: Node = {
      name: `node-${index + 1}`,
      port,
      toPostgres,
      toRedis,
      fromNodes: together(fromNodes),
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
    Array.from({ length: size }, (_, i) => i),
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
    wsUrl: `ws://127.0.0.1:${door.port}/socket`,
    token: yield* Tokens.make(DATA_DIR)
  } satisfies Rig
})
