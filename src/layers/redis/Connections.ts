/** Some connections to one server. A command takes the one with the fewest commands in flight. */
import { Effect, type Redacted } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import type { RedisMetrics } from "./RedisMetrics.ts"

const unavailable = new Unavailable({ what: "redis" })

export class Connections {
  readonly #connections: ReadonlyArray<RedisConnection>

  constructor(
    count: number,
    options: ConnectionOptions,
    metrics: RedisMetrics,
    url?: () => Redacted.Redacted
  ) {
    this.#connections = Array.from({ length: count }, () => new RedisConnection(options, metrics, url))
  }

  get size(): number {
    return this.#connections.length
  }

  get connected(): number {
    return this.#connections.filter(({ isConnected }) => isConnected).length
  }

  /** Whether all of them are connected. */
  get isConnected(): boolean {
    return this.connected === this.size
  }

  /** Waits until all of them are connected. */
  get ready(): Effect.Effect<void> {
    return Effect.forEach(this.#connections, ({ ready }) => ready, { discard: true })
  }

  leastBusy(): RedisConnection | undefined {
    let best: RedisConnection | undefined
    for (const connection of this.#connections) {
      if (connection.isConnected && (best === undefined || connection.inFlight < best.inFlight))
        best = connection
    }
    return best
  }

  send(command: string, ...args: ReadonlyArray<string>): Effect.Effect<unknown, Unavailable> {
    return Effect.suspend(() => this.leastBusy()?.send(command, ...args) ?? Effect.fail(unavailable))
  }

  /** Gives them up, for new ones: what was in flight fails. */
  drop(): void {
    for (const connection of this.#connections) connection.drop()
  }

  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forEach(this.#connections, ({ run }) => run, { concurrency: "unbounded", discard: true })
  ).pipe(Effect.andThen(Effect.never))
}
