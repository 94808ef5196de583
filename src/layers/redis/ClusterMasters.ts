/**
 * The masters of a Redis Cluster, each with what holds its connections, and which of them has a slot. Learns it from
 * any of them, and again as soon as a command is sent elsewhere, a connection is missing, or a while has passed. Owns
 * finding them and the running of what holds their connections; what is sent over those is none of its business.
 *
 * ioredis has a client for clusters, which is not used: it queues and resends by itself, connects again to a lost
 * master for each command that wants it, and does not say when a subscription holds again; see docs/adr.
 */
import { Clock, Effect, FiberMap, Latch, type Redacted } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import * as ClusterMap from "./ClusterMap.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import type { RedisMetrics } from "./RedisMetrics.ts"
import type { ClusterUrl } from "./RedisUrl.ts"

/** What holds the connections to one master. */
export interface Master {
  readonly isConnected: boolean
  /** Waits for a connection. */
  readonly ready: Effect.Effect<void>
  readonly send: (command: string, ...args: ReadonlyArray<string>) => Effect.Effect<unknown, Unavailable>
  readonly run: Effect.Effect<never>
}

export interface MastersOptions<M extends Master> {
  readonly connection: ConnectionOptions
  readonly url: ClusterUrl
  readonly metrics: RedisMetrics
  readonly make: (address: string, url: Redacted.Redacted) => M
  /** Run whenever the cluster has told its masters, changed or not. */
  readonly told?: Effect.Effect<void>
  /** Whether there is nothing to be waited for, other than connections: past it the cluster is asked often. */
  readonly isSettled?: () => boolean
}

/** How often the cluster is asked which masters it has; and the same while one is missing. */
const EVERY = "10 seconds"
const SOON = "500 millis"
/** Between two questions at least, whoever has been sent elsewhere. */
const PAUSE = "100 millis"

/** For how long a server that has no slots any more is kept: it may be on its way to get some, or to give them. */
const KEPT_MS = 30_000

/** What has no name of a server. */
const SCOUT = "scout"

interface Known<M> {
  readonly master: M
  wantedAt: number
}

export class ClusterMasters<M extends Master> {
  readonly #options: MastersOptions<M>
  readonly #known = new Map<string, Known<M>>()
  readonly #asked = Latch.makeUnsafe(false)
  readonly #mapped = Latch.makeUnsafe(false)
  /** Finds a server to ask while none of the masters is connected: tries those that are known, and the seeds. */
  readonly #scout: RedisConnection
  #scoutAt = ""
  #attempts = 0
  #map = ClusterMap.ClusterMap.none
  #start: (address: string, master: M) => void = () => {}

  constructor(options: MastersOptions<M>) {
    this.#options = options
    const { connection, metrics, url } = options
    this.#scout = new RedisConnection(connection, metrics, () => {
      const addresses = [...new Set([...url.seeds, ...this.#known.keys()])]
      this.#scoutAt = addresses[this.#attempts++ % addresses.length]!
      return url.nodeAt(this.#scoutAt)
    })
    this.#scout.onConnect(() => this.ask())
  }

  /** The slot's master, as far as is known. */
  at(slot: number): M | undefined {
    return this.#known.get(this.#map.ownerOf(slot) ?? "")?.master
  }

  get all(): ReadonlyArray<M> {
    return this.#map.masters.flatMap((address) => this.#known.get(address)?.master ?? [])
  }

  /** Whether every slot has a master, and every master is connected. */
  get isWhole(): boolean {
    return this.#map.isComplete && this.all.every(({ isConnected }) => isConnected)
  }

  /** Waits for a connection to each master. */
  get ready(): Effect.Effect<void> {
    return Effect.andThen(
      this.#mapped.await,
      Effect.suspend(() => Effect.forEach(this.all, ({ ready }) => ready, { discard: true }))
    )
  }

  /** A key for each master, of which all but a number is given. */
  keys(prefix: string): ReadonlyArray<string> {
    return this.#map.keys(prefix)
  }

  /** A server by its address, if it is known. */
  find(address: string): M | undefined {
    return this.#known.get(address)?.master
  }

  /** The server to which a command was sent on; connected to, if it was not known. */
  known(address: string): Effect.Effect<M> {
    return Effect.map(Clock.currentTimeMillis, (now) => this.#want(address, now))
  }

  /** Somebody was told that what is known no longer holds. */
  ask(): void {
    this.#asked.openUnsafe()
  }

  #want(address: string, now: number): M {
    const { make, url } = this.#options
    const known = this.#known.get(address)
    if (known !== undefined) {
      known.wantedAt = now
      return known.master
    }
    const master = make(address, url.nodeAt(address))
    this.#known.set(address, { master, wantedAt: now })
    this.#start(address, master)
    return master
  }

  /** Keeps the connections, and what is known. The supervision tree runs it. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => this.#running).pipe(Effect.scoped)

  readonly #running = Effect.gen({ self: this }, function* () {
    const fibers = yield* FiberMap.make<string, never, never>()
    const fork = yield* FiberMap.runtime(fibers)<never>()
    this.#start = (address, master) => void fork(address, master.run)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        this.#start = () => {}
      })
    )
    for (const [address, { master }] of this.#known) this.#start(address, master)
    const following = Effect.forever(
      Effect.gen({ self: this }, function* () {
        this.#asked.closeUnsafe()
        const asked = this.#someone()
        if (asked !== undefined) yield* FiberMap.remove(fibers, SCOUT)
        else yield* FiberMap.run(fibers, SCOUT, this.#scout.run, { onlyIfMissing: true })
        yield* this.#learn(asked).pipe(
          Effect.flatMap((gone) => Effect.forEach(gone, (address) => FiberMap.remove(fibers, address))),
          Effect.ignore
        )
        yield* Effect.sleep(PAUSE)
        const isSettled = this.isWhole && (this.#options.isSettled?.() ?? true)
        yield* Effect.timeoutOrElse(this.#asked.await, {
          duration: isSettled ? EVERY : SOON,
          orElse: () => Effect.void
        })
      })
    )
    // A connection whose keeping crashes takes all with it, to be started again by the supervisor.
    return yield* Effect.raceFirst(following, Effect.andThen(FiberMap.join(fibers), Effect.never))
  })

  /**
   * Any master that is connected, since one may be cut off from the others and know nothing new. Who is no master any
   * more is not asked while there is another: it may be the one that was cut off.
   */
  #someone(): readonly [address: string, master: Master] | undefined {
    const connected = Array.from(this.#known).filter(([, { master }]) => master.isConnected)
    const masters = connected.filter(([address]) => this.#map.masters.includes(address))
    const asked = masters.length > 0 ? masters : connected
    const [address, known] = asked[this.#attempts++ % asked.length] ?? []
    return address === undefined || known === undefined ? undefined : [address, known.master]
  }

  /** Asks who has which slots. Answers which servers are of no use any more. */
  #learn(asked: readonly [address: string, master: Master] | undefined) {
    const [address, server] = asked ?? [this.#scoutAt, this.#scout]
    return Effect.gen({ self: this }, function* () {
      const map = ClusterMap.parse(yield* server.send("CLUSTER", "SLOTS"), address)
      if (map === undefined || map.masters.length === 0) return yield* new Unavailable({ what: "redis" })
      const now = yield* Clock.currentTimeMillis
      this.#map = map
      for (const master of map.masters) this.#want(master, now)
      const gone = Array.from(this.#known)
        .filter(([, { wantedAt }]) => now - wantedAt > KEPT_MS)
        .map(([address]) => address)
      for (const address of gone) this.#known.delete(address)
      this.#mapped.openUnsafe()
      yield* this.#options.told ?? Effect.void
      return gone
    })
  }
}
