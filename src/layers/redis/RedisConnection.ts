/**
 * One connection to Redis, as a stable object: whoever holds it keeps it across reconnects. `run` owns connecting and
 * reconnecting, and the supervision tree runs it; ioredis is told to do neither. While there is no connection a
 * command is answered `Unavailable` at once: nothing waits in a queue for better times.
 *
 * Gotcha: a Redis that falls silent (SIGSTOP, a lost network) keeps its sockets open. A watchdog pings, and drops a
 * connection that does not answer; whatever was in flight on it then fails.
 */
import { Clock, Data, Duration, Effect, Latch, Random, Redacted, Schedule } from "effect"
import { Redis } from "ioredis"
import { Unavailable } from "../../domain/Errors.ts"
import type { RedisMetrics } from "./RedisMetrics.ts"
import * as RedisUrl from "./RedisUrl.ts"

export interface ConnectionOptions {
  /** Names the pool in logs, in metrics and in Redis's own `CLIENT LIST`. */
  readonly name: string
  /** As `RedisUrl` reads it. */
  readonly url: Redacted.Redacted
  /** From the first packet until Redis takes commands. */
  readonly connectTimeout: Duration.Duration
  /** Past it a command answers `Unavailable`, and a silent connection is dropped. */
  readonly commandTimeout: Duration.Duration
  /** Commands sent and not answered, at the most. */
  readonly maxInFlight: number
  /** Characters of those commands, at the most; a command larger than that is sent alone. */
  readonly maxPending: number
}

/** Called in the same turn of the event loop in which the answer arrived. */
export type Settle = (error: Error | undefined, answer: unknown) => void

/**
 * 100 ms, 200 ms, … up to 2 s, each 20 % more or less, so that many nodes do not come back in step. Nor may they come back
 * further apart than a lease of presence lasts: the first of them would take the others for dead.
 */
export const reconnect = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("2 seconds")
]).pipe(Schedule.jittered)

const pingEvery = "1 second"
/**
 * Milliseconds. A connection that is lost sooner was none: Redis takes it and drops it again, for its ACL forbids the
 * ping or it has no memory for what is subscribed to; who came back at once would do so ten times a second.
 */
const lasts = 1_000
const closeTimeout = "1 second"

const unavailable = new Unavailable({ what: "redis" })

class ConnectFailed extends Data.TaggedError("ConnectFailed")<{ readonly why: string }> {}

export class RedisConnection {
  readonly options: ConnectionOptions
  readonly #metrics: RedisMetrics
  readonly #url: () => Redacted.Redacted
  readonly #ready = Latch.makeUnsafe(false)
  #client: Redis | undefined
  #inFlight = 0
  /** Characters of the commands in flight. */
  #pending = 0
  /** An outage is one event, however often connecting fails: its beginning and its end are logged. */
  #isTroubled = false
  #onConnect: (client: Redis) => void = () => {}

  /** `url` is asked for each attempt to connect; by default it is always that of the options. */
  constructor(options: ConnectionOptions, metrics: RedisMetrics, url = () => options.url) {
    this.options = options
    this.#metrics = metrics
    this.#url = url
  }

  get isConnected(): boolean {
    return this.#client !== undefined
  }

  /** Waits for a connection. */
  get ready(): Effect.Effect<void> {
    return this.#ready.await
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Sets what to do with each new connection before anyone else uses it, such as subscribing. */
  onConnect(handler: (client: Redis) => void): void {
    this.#onConnect = handler
  }

  /** Sends a command, and answers whether it could be sent; `settle` is called only then, and once. */
  sendUnsafe(settle: Settle, command: string, ...args: ReadonlyArray<string>): boolean {
    const client = this.#client
    let size = 0
    for (const arg of args) size += arg.length
    if (client === undefined || !this.#hasRoom(size)) {
      this.#metrics.failed()
      return false
    }
    const sentAt = performance.now()
    const ended = () => {
      this.#inFlight--
      this.#pending -= size
      this.#metrics.inFlight(-1)
    }
    this.#inFlight++
    this.#pending += size
    this.#metrics.inFlight(1)
    client.call(command, ...args).then(
      (answer) => {
        ended()
        this.#metrics.answered(performance.now() - sentAt)
        settle(undefined, answer)
      },
      (error: Error) => {
        ended()
        this.#metrics.failed()
        settle(error, undefined)
      }
    )
    return true
  }

  #hasRoom(size: number): boolean {
    const { maxInFlight, maxPending } = this.options
    return this.#inFlight < maxInFlight && (this.#inFlight === 0 || this.#pending + size <= maxPending)
  }

  /** Sends a command. A command that Redis refuses is `Unavailable` too, with its reply as the cause. */
  send(command: string, ...args: ReadonlyArray<string>): Effect.Effect<unknown, Unavailable> {
    return Effect.callback<unknown, Unavailable>((resume) => {
      const settle: Settle = (error, answer) =>
        resume(
          error === undefined
            ? Effect.succeed(answer)
            : Effect.fail(new Unavailable({ what: "redis", cause: error }))
        )
      if (!this.sendUnsafe(settle, command, ...args)) resume(Effect.fail(unavailable))
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.options.commandTimeout,
        orElse: () => Effect.fail(unavailable)
      })
    )
  }

  /** Gives the connection up, for a new one: what was in flight fails. */
  drop(): void {
    this.#client?.disconnect()
  }

  /** Connects, and connects again whenever the connection is lost. Ends by interruption, closing in good order. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => this.#session).pipe(
    Effect.tapError(({ why }) => this.#troubled(why)),
    // It never ends: there is no number of failures after which we would stop trying.
    Effect.retry(reconnect),
    Effect.orDie,
    Effect.flatMap((why) => this.#troubled(why)),
    // All nodes lose a fallen Redis at once, and need not all come back at once.
    Effect.andThen(Random.nextBetween(0, 100)),
    Effect.flatMap((pause) => Effect.sleep(pause)),
    Effect.forever
  )

  /** One connection, from its beginning to its loss. Answers why it was lost; fails with it where it did not last. */
  readonly #session: Effect.Effect<string, ConnectFailed> = Effect.gen({ self: this }, function* () {
    let lastError = "it does not answer"
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => this.#makeClient((error) => (lastError = error.message))),
      (client) => this.#close(client)
    )
    const lost = Effect.callback<string>(
      (resume) => void client.once("end", () => resume(Effect.succeed(lastError)))
    )
    yield* Effect.tryPromise(() => client.connect()).pipe(
      Effect.timeout(this.options.connectTimeout),
      Effect.mapError(() => new ConnectFailed({ why: lastError }))
    )
    lastError = "it closed the connection"
    const since = yield* Clock.currentTimeMillis
    yield* Effect.acquireRelease(this.#opened(client), () => this.#closed)
    const why = yield* Effect.raceFirst(lost, this.#silence(client))
    return (yield* Clock.currentTimeMillis) - since < lasts ? yield* new ConnectFailed({ why }) : why
  }).pipe(Effect.scoped)

  #makeClient(onError: (error: Error) => void): Redis {
    const { connectTimeout, name } = this.options
    const url = Redacted.value(this.#url())
    const common = {
      lazyConnect: true,
      // One owner of reconnection: `run`.
      retryStrategy: () => null,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      // Answered, like their plain sisters, by messages of their own.
      autoPipeliningIgnoredCommands: ["ssubscribe", "sunsubscribe"],
      connectTimeout: Duration.toMillis(connectTimeout),
      connectionName: `messaging-service:${name}`
    }
    const parsed = RedisUrl.parse(url)
    const client =
      parsed?.kind === "sentinel" ? new Redis({ ...common, ...parsed.options }) : new Redis(url, common)
    client.on("error", onError)
    return client
  }

  #opened(client: Redis): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#client = client
      this.#metrics.connected()
      this.#onConnect(client)
      this.#ready.openUnsafe()
      if (!this.#isTroubled) return Effect.logDebug("Redis is connected").pipe(this.#annotated)
      this.#isTroubled = false
      return Effect.logInfo("Redis is connected again").pipe(this.#annotated)
    })
  }

  readonly #closed = Effect.sync(() => {
    this.#client = undefined
    this.#ready.closeUnsafe()
    this.#metrics.disconnected()
  })

  /**
   * Ends the connection when two pings in a row are not answered in time; one may have been answered while this
   * process was too busy to look. Pings do not count as commands: a full connection is not a silent one. A ping that is
   * answered with what answers another command is no answer: a connection that has lost count is given up, too.
   */
  #silence(client: Redis): Effect.Effect<string> {
    const ping = Effect.tryPromise(() => client.ping()).pipe(
      Effect.timeout(this.options.commandTimeout),
      Effect.filterOrFail((answer) => answer === "PONG")
    )
    return Effect.retry(ping, { times: 1 }).pipe(
      Effect.andThen(Effect.sleep(pingEvery)),
      Effect.forever,
      Effect.catch(() => {
        client.disconnect()
        return Effect.succeed("it does not answer")
      })
    )
  }

  /** What was sent before is done and answered first, if Redis still answers. */
  #close(client: Redis): Effect.Effect<void> {
    const quit = Effect.tryPromise(() => client.quit()).pipe(Effect.timeout(closeTimeout), Effect.ignore)
    return Effect.suspend(() => (client.status === "ready" ? quit : Effect.void)).pipe(
      Effect.andThen(Effect.sync(() => client.disconnect()))
    )
  }

  #troubled(why: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const log = this.#isTroubled ? Effect.logDebug : Effect.logWarning
      this.#isTroubled = true
      return log("Redis cannot be used").pipe(Effect.annotateLogs({ why }), this.#annotated)
    })
  }

  readonly #annotated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.annotateLogs(effect, { pool: this.options.name })
}
