/** What `/metrics` says of Redis, per pool. One instance per pool, shared by its connections. */
import { type Context, Metric } from "effect"

const commands = Metric.histogram("redis_command_duration_ms", {
  description: "Time from sending a command to its answer",
  boundaries: [0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1000, 2500]
})
const errors = Metric.counter("redis_errors_total", {
  description:
    "Commands without a good answer: refused at once, timed out, cut off, or answered with an error",
  incremental: true
})
const connects = Metric.counter("redis_connects_total", {
  description: "Connections made, the first ones included",
  incremental: true
})
const connected = Metric.gauge("redis_connections", {
  description: "Connections that are ready for commands"
})
const inFlight = Metric.gauge("redis_commands_in_flight", { description: "Commands sent and not answered" })

export class RedisMetrics {
  readonly #context: Context.Context<never>
  readonly #commands: typeof commands
  readonly #errors: typeof errors
  readonly #connects: typeof connects
  readonly #connected: typeof connected
  readonly #inFlight: typeof inFlight

  constructor(pool: string, context: Context.Context<never>) {
    const attributes = { pool }
    this.#context = context
    this.#commands = Metric.withAttributes(commands, attributes)
    this.#errors = Metric.withAttributes(errors, attributes)
    this.#connects = Metric.withAttributes(connects, attributes)
    this.#connected = Metric.withAttributes(connected, attributes)
    this.#inFlight = Metric.withAttributes(inFlight, attributes)
  }

  answered(millis: number): void {
    this.#commands.updateUnsafe(millis, this.#context)
  }

  failed(): void {
    this.#errors.updateUnsafe(1, this.#context)
  }

  connected(): void {
    this.#connects.updateUnsafe(1, this.#context)
    this.#connected.modifyUnsafe(1, this.#context)
  }

  disconnected(): void {
    this.#connected.modifyUnsafe(-1, this.#context)
  }

  /** Adds to the number of commands in flight. */
  inFlight(change: number): void {
    this.#inFlight.modifyUnsafe(change, this.#context)
  }
}
