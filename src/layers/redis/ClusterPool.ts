/**
 * A pool over the masters of a Redis Cluster. A command goes to the master of its key's slot; where that sends it on,
 * because the slot moves or has moved, it follows. While a master is away, what it has is `Unavailable` at once, and
 * the rest goes on. Commands that name no key go to any master.
 */
import { Effect } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import * as ClusterMap from "./ClusterMap.ts"
import { ClusterMasters } from "./ClusterMasters.ts"
import { Connections } from "./Connections.ts"
import { slotOf } from "./KeySlot.ts"
import type { RedisConnection } from "./RedisConnection.ts"
import type { RedisMetrics } from "./RedisMetrics.ts"
import type { PoolOptions, Sender } from "./RedisPool.ts"
import type { ClusterUrl } from "./RedisUrl.ts"

/** How often one command is sent on. In a resharding a second time is rare. */
const MAX_REDIRECTS = 4

class Server extends Connections {
  readonly address: string

  constructor(address: string, ...rest: ConstructorParameters<typeof Connections>) {
    super(...rest)
    this.address = address
  }
}

/** A key of the command by which its master is found: a wrong guess is put right by whoever is asked. */
const keyOf = (command: string, args: ReadonlyArray<string>): string =>
  (/^(?:EVAL|EVALSHA|FCALL)$/i.test(command) ? args[2] : args[0]) ?? ""

const unavailable = new Unavailable({ what: "redis" })

export class ClusterPool {
  readonly #options: PoolOptions
  readonly #masters: ClusterMasters<Server>

  constructor(options: PoolOptions, url: ClusterUrl, metrics: RedisMetrics) {
    this.#options = options
    this.#masters = new ClusterMasters<Server>({
      connection: options,
      url,
      metrics,
      make: (address, url) => new Server(address, options.size, options, metrics, () => url)
    })
  }

  /** Before the first master has told of the others, nobody knows how many there should be. */
  get size(): number {
    return Math.max(1, this.#masters.all.length) * this.#options.size
  }

  get connected(): number {
    return this.#masters.all.reduce((sum, { connected }) => sum + connected, 0)
  }

  get isConnected(): boolean {
    return this.#masters.isWhole
  }

  get ready(): Effect.Effect<void> {
    return this.#masters.ready
  }

  get run(): Effect.Effect<never> {
    return this.#masters.run
  }

  get servers(): ReadonlyArray<Sender> {
    return this.#masters.all.map(
      (master): Sender => ({
        send: (command, ...args) => master.send(command, ...args)
      })
    )
  }

  get addresses(): ReadonlyArray<string> {
    return this.#masters.all.map(({ address }) => address)
  }

  keys(prefix: string): ReadonlyArray<string> {
    return this.#masters.keys(prefix)
  }

  drop(): void {
    for (const master of this.#masters.all) master.drop()
  }

  send(command: string, ...args: ReadonlyArray<string>): Effect.Effect<unknown, Unavailable> {
    return Effect.suspend(() => {
      const master = this.#masters.at(slotOf(keyOf(command, args)))
      return master === undefined
        ? Effect.fail(unavailable)
        : this.#follow(master, master.send(command, ...args), MAX_REDIRECTS, command, args)
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.#options.commandTimeout,
        orElse: () => Effect.fail(unavailable)
      })
    )
  }

  #follow(
    { address }: Server,
    sent: Effect.Effect<unknown, Unavailable>,
    left: number,
    command: string,
    args: ReadonlyArray<string>
  ): Effect.Effect<unknown, Unavailable> {
    return Effect.catch(sent, (error) => {
      const redirect = ClusterMap.redirectOf(error.cause, address)
      if (redirect === undefined || left === 0) return Effect.fail(error)
      if (redirect.kind === "MOVED") this.#masters.ask()
      return Effect.flatMap(this.#masters.known(redirect.address), (next) => {
        const again = redirect.kind === "ASK" ? asking(next, command, args) : next.send(command, ...args)
        return this.#follow(next, Effect.andThen(next.ready, again), left - 1, command, args)
      })
    })
  }
}

/** Asks a server for what is on its way there: it answers that to whoever says so, on the same connection. */
const asking = (
  server: Server,
  command: string,
  args: ReadonlyArray<string>
): Effect.Effect<unknown, Unavailable> =>
  Effect.suspend(() => {
    const connection: RedisConnection | undefined = server.leastBusy()
    if (connection?.sendUnsafe(() => {}, "ASKING") !== true) return Effect.fail(unavailable)
    return connection.send(command, ...args)
  })
