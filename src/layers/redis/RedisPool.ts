/**
 * Connections to one Redis for one kind of work. A command takes the connection with the fewest commands in flight;
 * there is no order between commands, other than by waiting for the first before sending the second.
 */
import { Effect } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import { RedisMetrics } from "./RedisMetrics.ts"

export interface PoolOptions extends ConnectionOptions {
  /** Connections. */
  readonly size: number
}

export interface RedisPool {
  readonly name: string
  /** Sends a command; `Unavailable` at once while no connection is there, and past the command timeout. */
  readonly send: (command: string, ...args: ReadonlyArray<string>) => Effect.Effect<unknown, Unavailable>
  /** Connections that are ready, and how many there should be. */
  readonly connected: () => number
  readonly size: number
  /** Keeps all connections; the supervision tree runs it. */
  readonly run: Effect.Effect<never>
  readonly options: ConnectionOptions
  /** A connection to the same Redis that is none of the pool's, for what would hold up other commands. */
  readonly dedicated: (changes?: Partial<ConnectionOptions>) => RedisConnection
}

/** A connection with metrics of its own. */
export const connection = Effect.fnUntraced(function* (options: ConnectionOptions) {
  const metrics = new RedisMetrics(options.name, yield* Effect.context<never>())
  return new RedisConnection(options, metrics)
})

export const make = Effect.fnUntraced(function* (options: PoolOptions) {
  const metrics = new RedisMetrics(options.name, yield* Effect.context<never>())
  const connections = Array.from({ length: options.size }, () => new RedisConnection(options, metrics))
  const unavailable = new Unavailable({ what: "redis" })

  const leastBusy = (): RedisConnection | undefined => {
    let best: RedisConnection | undefined
    for (const connection of connections) {
      if (connection.isConnected && (best === undefined || connection.inFlight < best.inFlight))
        best = connection
    }
    return best
  }

  const pool: RedisPool = {
    name: options.name,
    size: options.size,
    connected: () => connections.filter((connection) => connection.isConnected).length,
    send: (command, ...args) =>
      Effect.suspend(() => leastBusy()?.send(command, ...args) ?? Effect.fail(unavailable)),
    run: Effect.forEach(connections, (connection) => connection.run, {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.andThen(Effect.never)),
    options,
    dedicated: (changes) => new RedisConnection({ ...options, ...changes }, metrics)
  }
  return pool
})
