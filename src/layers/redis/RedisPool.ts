/**
 * Connections to one Redis, or to the masters of a cluster, for one kind of work. There is no order between commands,
 * other than by waiting for the first before sending the second.
 */
import { Effect, Redacted } from "effect"
import type { Unavailable } from "../../domain/Errors.ts"
import { ClusterPool } from "./ClusterPool.ts"
import { Connections } from "./Connections.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import { RedisMetrics } from "./RedisMetrics.ts"
import * as RedisUrl from "./RedisUrl.ts"

export interface PoolOptions extends ConnectionOptions {
  /** Connections; in a cluster, to each master. */
  readonly size: number
}

export interface Sender {
  /** Sends a command; `Unavailable` at once while no connection is there, and past the command timeout. */
  readonly send: (command: string, ...args: ReadonlyArray<string>) => Effect.Effect<unknown, Unavailable>
}

/** Connections that whoever made them runs. */
export interface Dedicated extends Sender {
  readonly run: Effect.Effect<never>
  /** Waits until it can be used. */
  readonly ready: Effect.Effect<void>
  readonly drop: () => void
}

export interface RedisPool extends Sender {
  readonly name: string
  /** Connections that are ready, and how many there should be. */
  readonly connected: () => number
  readonly size: () => number
  /** Whether all are ready; in a cluster also whether there is a master for every key. */
  readonly isWhole: () => boolean
  /** Each server by itself, for what one answers of its own: one, or the masters of a cluster. */
  readonly servers: () => ReadonlyArray<Sender>
  /** A key on each of the servers. */
  readonly keys: (prefix: string) => ReadonlyArray<string>
  /** Keeps all connections; the supervision tree runs it. */
  readonly run: Effect.Effect<never>
  readonly options: ConnectionOptions
  /** A connection to the same Redis that is none of the pool's, for what would hold up other commands. */
  readonly dedicated: (changes?: Partial<ConnectionOptions>) => Dedicated
  /** The same to listen on, for publications that every server passes on. */
  readonly listener: () => RedisConnection
}

const ofServer = (options: PoolOptions, metrics: RedisMetrics): RedisPool => {
  const connections = new Connections(options.size, options, metrics)
  const { run, size } = connections
  const send: Sender["send"] = (command, ...args) => connections.send(command, ...args)
  return {
    name: options.name,
    connected: () => connections.connected,
    size: () => size,
    isWhole: () => connections.isConnected,
    send,
    servers: () => [{ send }],
    keys: (prefix) => [prefix],
    run,
    options,
    dedicated: (changes) => new Connections(1, { ...options, ...changes }, metrics),
    listener: () => new RedisConnection(options, metrics)
  }
}

const ofCluster = (url: RedisUrl.ClusterUrl, options: PoolOptions, metrics: RedisMetrics): RedisPool => {
  const cluster = new ClusterPool(options, url, metrics)
  let attempts = 0
  return {
    name: options.name,
    connected: () => cluster.connected,
    size: () => cluster.size,
    isWhole: () => cluster.isConnected,
    send: (command, ...args) => cluster.send(command, ...args),
    servers: () => cluster.servers,
    keys: (prefix) => cluster.keys(prefix),
    run: cluster.run,
    options,
    dedicated: (changes) => new ClusterPool({ ...options, ...changes, size: 1 }, url, metrics),
    listener: () =>
      new RedisConnection(options, metrics, () => {
        const addresses = [...cluster.addresses, ...url.seeds]
        return url.nodeAt(addresses[attempts++ % addresses.length]!)
      })
  }
}

export const make = Effect.fnUntraced(function* (options: PoolOptions) {
  const metrics = new RedisMetrics(options.name, yield* Effect.context<never>())
  const url = RedisUrl.parse(Redacted.value(options.url))
  return url?.kind === "cluster" ? ofCluster(url, options, metrics) : ofServer(options, metrics)
})
