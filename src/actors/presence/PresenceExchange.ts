/**
 * Joins this node's presence with that of others. It beats for the lease (`PresenceLease`), writes this node's devices to the
 * PresenceCache, tells the other nodes of changes, and shows theirs through the PresenceTracker, which alone decides
 * what clients see. Changes are gathered, so a storm of joins costs a few commands and not one per join.
 *
 * A change is told after it is written, and a topic is read after it is subscribed to: whatever the read misses is told
 * later. What is told while a read is on its way is newer than what the read will say.
 *
 * Gotcha: when a lease has lapsed or a write has failed, nobody knows what is left of what this node wrote. It goes on
 * as a new node, writes all its devices again, and says whom it replaces; refs stay, so no client sees them go.
 */
import { Clock, Context, Duration, Effect, Latch, Layer, Semaphore } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import { Broker, type Publication } from "../../domain/ports/Broker.ts"
import { type Held, PresenceCache, type Present, type TopicChange } from "../../domain/ports/PresenceCache.ts"
import * as Topic from "../../domain/Topic.ts"
import { TopicHub } from "../topic/TopicHub.ts"
import { PresenceLease } from "./PresenceLease.ts"
import { PresenceTracker } from "./PresenceTracker.ts"

export interface PresenceExchangeOptions {
  /** A node that has not renewed its lease for this long is dead, and its devices leave. It renews three times as often. */
  readonly lease: Duration.Duration
  /** The least time between two writes. */
  readonly writeInterval: Duration.Duration
  /** All is written again this often, before it can expire. */
  readonly rewriteInterval: Duration.Duration
}

const defaults: PresenceExchangeOptions = {
  lease: Duration.seconds(5),
  writeInterval: Duration.millis(50),
  rewriteInterval: Duration.minutes(15)
}

export class PresenceExchange extends Context.Service<
  PresenceExchange,
  {
    /** The supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/actors/presence/PresenceExchange") {}

/** The event of what nodes tell each other; no client gets it. */
const NEWS = "presence_news"

/** Topics written or read at a time. */
const BATCH = 500

interface News {
  readonly node: string
  /** The joins are all devices of `node` on this topic, which was this other node before. */
  readonly replaces?: string
  readonly joins: ReadonlyArray<Present>
  readonly leaves: ReadonlyArray<string>
}

/** A topic with devices of this node, or watched by some. */
class Followed {
  readonly here = new Map<string, Present>()
  readonly elsewhere = new Map<string, Held>()
  isWhole = false
  /** Refs that were told of since the read that is on its way began. */
  told: Set<string> | undefined
  #waiting: Array<() => void> = []

  whenWhole(then: () => void): void {
    if (this.isWhole) then()
    else this.#waiting.push(then)
  }

  whole(): void {
    this.isWhole = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const then of waiting) then()
  }
}

const take = <A>(from: Set<A>, count: number): ReadonlyArray<A> => {
  const taken: Array<A> = []
  for (const item of from) {
    if (taken.length === count) break
    taken.push(item)
    from.delete(item)
  }
  return taken
}

class Exchange {
  readonly #cache: PresenceCache["Service"]
  readonly #tracker: PresenceTracker["Service"]
  readonly #broker: Broker["Service"]
  readonly #options: PresenceExchangeOptions
  readonly #topics = new Map<string, Followed>()
  /** Changes of this node's devices that are not written, by topic and ref; `undefined` for one that left. */
  readonly #unwritten = new Map<string, Map<string, Present | undefined>>()
  readonly #unread = new Set<string>()
  readonly #hasUnwritten = Latch.makeUnsafe(false)
  readonly #hasUnread = Latch.makeUnsafe(false)
  /** Writes go out in the order in which they were gathered. */
  readonly #writing = Semaphore.makeUnsafe(1)
  readonly #lease: PresenceLease
  /** Whether what this node has written is there, as far as it knows. */
  #isRegistered = false
  /** Whether other nodes could be asked when they were last asked. */
  #canRead = true
  #isStale = false

  constructor(
    cache: PresenceCache["Service"],
    tracker: PresenceTracker["Service"],
    broker: Broker["Service"],
    options: PresenceExchangeOptions
  ) {
    this.#cache = cache
    this.#tracker = tracker
    this.#broker = broker
    this.#options = options
    this.#lease = new PresenceLease(cache, options.lease)
  }

  // What the tracker tells of this node's devices.

  opened(topic: string): void {
    const followed = new Followed()
    this.#topics.set(topic, followed)
    if (!this.#cache.isShared || !this.#canRead) followed.whole()
    this.inDoubt(topic)
  }

  joined(topic: string, present: Present): void {
    this.#topics.get(topic)?.here.set(present.meta.phx_ref, present)
    this.#change(topic, present.meta.phx_ref, present)
  }

  left(topic: string, ref: string): void {
    this.#topics.get(topic)?.here.delete(ref)
    this.#change(topic, ref, undefined)
  }

  closed(topic: string): void {
    const followed = this.#topics.get(topic)
    if (followed === undefined) return
    this.#topics.delete(topic)
    this.#unread.delete(topic)
    for (const [ref, { userId }] of followed.elsewhere) this.#tracker.hide(topic, userId, ref)
  }

  whenWhole(topic: string, then: () => void): void {
    const followed = this.#topics.get(topic)
    if (followed === undefined) then()
    else followed.whenWhole(then)
  }

  #change(topic: string, ref: string, present: Present | undefined): void {
    // All of it will be written.
    if (!this.#isRegistered) return
    let changes = this.#unwritten.get(topic)
    if (changes === undefined) this.#unwritten.set(topic, (changes = new Map()))
    changes.set(ref, present)
    this.#hasUnwritten.openUnsafe()
  }

  // What other nodes tell, and what may have been missed of it.

  deliver({ payload, topic: name }: Publication): void {
    const topic = Topic.shownOn(name)
    const followed = this.#topics.get(topic)
    if (followed === undefined || payload.startsWith(`{"node":"${this.#lease.node}"`)) return
    // Published by `#tell`, on this node or another, and by nobody else.
    const { joins, leaves, node, replaces } = JSON.parse(payload) as News
    if (this.#lease.wasOurs(node)) return
    this.#lease.heard(node)
    for (const { meta, userId } of joins) {
      followed.told?.add(meta.phx_ref)
      this.#show(topic, followed, { node, userId, meta })
    }
    for (const ref of leaves) {
      followed.told?.add(ref)
      this.#hide(topic, followed, ref)
    }
    if (replaces === undefined) return
    for (const [ref, held] of followed.elsewhere) {
      if (held.node === replaces) this.#hide(topic, followed, ref)
    }
  }

  inDoubt(name: string): void {
    const topic = Topic.shownOn(name)
    if (!this.#cache.isShared || !this.#topics.has(topic)) return
    this.#unread.add(topic)
    this.#hasUnread.openUnsafe()
  }

  #show(topic: string, followed: Followed, held: Held): void {
    const { meta, userId } = held
    const known = followed.elsewhere.get(meta.phx_ref)
    followed.elsewhere.set(meta.phx_ref, held)
    if (known === undefined || known.meta.stale !== meta.stale) this.#tracker.show(topic, userId, meta)
  }

  #hide(topic: string, followed: Followed, ref: string): void {
    const held = followed.elsewhere.get(ref)
    if (held === undefined) return
    followed.elsewhere.delete(ref)
    this.#tracker.hide(topic, held.userId, ref)
  }

  // The lease.

  /** Between two beats. */
  get #third(): Duration.Duration {
    return Duration.times(this.#options.lease, 1 / 3)
  }

  readonly #beat = Effect.gen({ self: this }, function* () {
    const now = yield* Clock.currentTimeMillis
    const beat = yield* this.#lease.beat
    if (beat.isNew || !this.#isRegistered) yield* this.#register(now)
    this.#lease.held(now)
    if (this.#isStale || !this.#canRead) {
      this.#isStale = false
      this.#canRead = true
      for (const topic of this.#topics.keys()) this.inDoubt(topic)
    }
    const isDead = this.#lease.dead(beat.live, now)
    // Until the others have had time to come back, too, who is not to be found may be there.
    if (isDead === undefined) return
    this.#bury(isDead)
    this.#tracker.cut(false)
  }).pipe(Effect.catch(() => Effect.map(Clock.currentTimeMillis, (now) => this.#missedBeat(now))))

  /**
   * Goes on as a new node, which has written nothing yet. Writing all of it may take longer than the lease lasts, so the
   * lease is kept meanwhile: else the others would take this node for dead, and so would itself, again and again.
   */
  readonly #register = Effect.fnUntraced({ self: this }, function* (now: number) {
    this.#isRegistered = false
    const former = yield* this.#lease.renew(now)
    this.#unwritten.clear()
    this.#isRegistered = true
    yield* Effect.raceFirst(
      this.#eachBatch((changes) => this.#write(changes, former)),
      Effect.forever(this.#keepLease)
    )
  })

  readonly #keepLease = Effect.gen({ self: this }, function* () {
    yield* Effect.sleep(this.#third)
    const now = yield* Clock.currentTimeMillis
    const { isNew } = yield* this.#lease.beat
    if (isNew) return yield* new Unavailable({ what: "presence" })
    this.#lease.held(now)
  }).pipe(
    // What is still being written is written for nobody.
    Effect.tapError(() =>
      Effect.sync(() => {
        this.#isRegistered = false
      })
    )
  )

  #missedBeat(now: number): void {
    if (this.#isStale || !this.#lease.hasLapsed(now)) return
    this.#isStale = true
    this.#tracker.cut(true)
    for (const [topic, followed] of this.#topics) {
      for (const held of followed.elsewhere.values()) {
        this.#show(topic, followed, { ...held, meta: { ...held.meta, stale: true } })
      }
    }
  }

  /** Takes away the devices of nodes that have no lease any more. */
  #bury(isDead: (node: string) => boolean): void {
    for (const [topic, followed] of this.#topics) {
      for (const [ref, { node }] of followed.elsewhere) {
        if (isDead(node)) this.#hide(topic, followed, ref)
      }
    }
  }

  // Writing and telling.

  /** All devices of this node, a number of topics at a time. */
  readonly #eachBatch = Effect.fnUntraced(
    { self: this },
    function* (write: (changes: ReadonlyArray<TopicChange>) => Effect.Effect<void, Unavailable>) {
      const topics = Array.from(this.#topics.keys())
      for (let at = 0; at < topics.length; at += BATCH) {
        const changes = topics.slice(at, at + BATCH).flatMap((topic): ReadonlyArray<TopicChange> => {
          const here = this.#topics.get(topic)?.here
          return here === undefined ? [] : [{ topic, joins: Array.from(here.values()), leaves: [] }]
        })
        yield* write(changes)
      }
    }
  )

  #write(changes: ReadonlyArray<TopicChange>, replaces?: string): Effect.Effect<void, Unavailable> {
    const { node } = this.#lease
    return this.#cache.write(node, changes).pipe(
      Effect.map(() => {
        if (this.#cache.isShared) for (const change of changes) this.#tell(node, change, replaces)
      }),
      Effect.tapError(() =>
        Effect.sync(() => {
          this.#isRegistered = false
        })
      ),
      (writing) => this.#writing.withPermit(writing)
    )
  }

  #tell(node: string, { joins, leaves, topic }: TopicChange, replaces: string | undefined): void {
    const news: News = { node, ...(replaces === undefined ? {} : { replaces }), joins, leaves }
    const told = { event: NEWS, payload: JSON.stringify(news), seq: null, except: null }
    this.#broker.publish({ topic, ...told })
    const watchedOn = Topic.watchedOn(topic)
    if (watchedOn !== undefined) this.#broker.publish({ topic: watchedOn, ...told })
  }

  readonly #writeChanges = Effect.gen({ self: this }, function* () {
    yield* this.#hasUnwritten.await
    yield* Effect.sleep(this.#options.writeInterval)
    const changes = Array.from(this.#unwritten, ([topic, byRef]): TopicChange => {
      const entries = Array.from(byRef)
      return {
        topic,
        joins: entries.flatMap(([, present]) => (present === undefined ? [] : [present])),
        leaves: entries.flatMap(([ref, present]) => (present === undefined ? [ref] : []))
      }
    })
    this.#unwritten.clear()
    this.#hasUnwritten.closeUnsafe()
    for (let at = 0; at < changes.length && this.#isRegistered; at += BATCH) {
      yield* this.#write(changes.slice(at, at + BATCH))
    }
  }).pipe(Effect.ignore)

  /** Whatever was evicted, or lost in silence, is made good in time. */
  readonly #rewrite = Effect.gen({ self: this }, function* () {
    yield* Effect.sleep(this.#options.rewriteInterval)
    yield* this.#eachBatch((changes) =>
      this.#writing.withPermit(this.#cache.write(this.#lease.node, changes))
    )
    for (const topic of this.#topics.keys()) this.inDoubt(topic)
  }).pipe(Effect.ignore)

  // Reading.

  readonly #read = Effect.gen({ self: this }, function* () {
    yield* this.#hasUnread.await
    const topics = take(this.#unread, BATCH)
    if (this.#unread.size === 0) this.#hasUnread.closeUnsafe()
    for (const topic of topics) {
      const followed = this.#topics.get(topic)
      if (followed !== undefined) followed.told = new Set()
    }
    yield* this.#cache.read(topics).pipe(
      Effect.map(({ held, live }) => {
        for (const topic of topics) this.#take(topic, held.get(topic) ?? [], live)
      }),
      // The next beat that gets through has them read again.
      Effect.catch(() =>
        Effect.sync(() => {
          this.#canRead = false
          this.#tracker.cut(true)
        })
      ),
      Effect.ensuring(Effect.sync(() => this.#readEnded(topics)))
    )
  })

  #take(topic: string, held: ReadonlyArray<Held>, live: ReadonlySet<string>): void {
    const followed = this.#topics.get(topic)
    // It was closed, and perhaps opened again, meanwhile: then it is read once more.
    if (followed?.told === undefined) return
    for (const node of live) this.#lease.heard(node)
    const found = new Set<string>()
    for (const each of held) {
      const { phx_ref } = each.meta
      found.add(phx_ref)
      if (!this.#lease.isOurs(each.node) && !followed.told.has(phx_ref)) this.#show(topic, followed, each)
    }
    for (const [ref, { node }] of followed.elsewhere) {
      // Of a node without a lease nothing is known yet; `bury` decides.
      if (live.has(node) && !found.has(ref) && !followed.told.has(ref)) this.#hide(topic, followed, ref)
    }
  }

  #readEnded(topics: ReadonlyArray<string>): void {
    for (const topic of topics) {
      const followed = this.#topics.get(topic)
      if (followed?.told === undefined) continue
      followed.told = undefined
      followed.whole()
    }
  }

  readonly #leave = Effect.suspend(() => {
    this.#isRegistered = false
    return this.#lease.leave
  })

  readonly run: Effect.Effect<never> = Effect.gen({ self: this }, function* () {
    this.#lease.held(yield* Clock.currentTimeMillis)
    const beats = Effect.andThen(this.#beat, Effect.sleep(this.#third))
    return yield* Effect.raceAllFirst([
      Effect.forever(beats),
      Effect.forever(this.#writeChanges),
      Effect.forever(this.#rewrite),
      Effect.forever(this.#read)
    ])
  }).pipe(Effect.ensuring(this.#leave))
}

export const layerWith = (options: Partial<PresenceExchangeOptions> = {}) =>
  Layer.effect(
    PresenceExchange,
    Effect.gen(function* () {
      const hub = yield* TopicHub
      const tracker = yield* PresenceTracker
      const exchange = new Exchange(yield* PresenceCache, tracker, yield* Broker, { ...defaults, ...options })
      tracker.connect({
        opened: (topic) => exchange.opened(topic),
        joined: (topic, userId, meta) => exchange.joined(topic, { userId, meta }),
        left: (topic, ref) => exchange.left(topic, ref),
        closed: (topic) => exchange.closed(topic),
        whenWhole: (topic, then) => exchange.whenWhole(topic, then)
      })
      hub.onNews({
        event: NEWS,
        deliver: (publication) => exchange.deliver(publication),
        inDoubt: (topic) => exchange.inDoubt(topic)
      })
      return PresenceExchange.of({ run: exchange.run })
    })
  )
