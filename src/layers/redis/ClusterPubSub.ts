/**
 * Sharded publish/subscribe over a Redis Cluster: a link to each master, on which this node follows the channels that
 * have their place there. A channel whose slot has moved is followed to its new master, where the subscription that is
 * confirmed puts it in doubt, as any other does.
 *
 * A publication that a moved slot refuses is sent on once. What is lost otherwise may have been for anybody: as soon
 * as the cluster is whole again, all nodes are told to compare what they follow with storage.
 */
import { Effect } from "effect"
import { Unavailable } from "../../domain/Errors.ts"
import * as ClusterMap from "./ClusterMap.ts"
import { ClusterMasters } from "./ClusterMasters.ts"
import { slotOf } from "./KeySlot.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import { type Listener, RedisLink } from "./RedisLink.ts"
import type { RedisMetrics } from "./RedisMetrics.ts"
import type { RedisPubSub } from "./RedisPubSub.ts"
import type { ClusterUrl } from "./RedisUrl.ts"

/**
 * A server that gives a slot away drops the subscriptions in it, and does not say which. The cluster is asked this many
 * times whose they are now; then what is still taken for this server's is subscribed to once more: a slot may have
 * come back.
 */
const PATIENCE = 10

class ShardLink extends RedisLink {
  readonly address: string

  constructor(address: string, ...rest: ConstructorParameters<typeof RedisLink>) {
    super(...rest)
    this.address = address
  }
}

interface Place {
  readonly slot: number
  /** `undefined` while nobody has the slot. */
  link: ShardLink | undefined
}

export class ClusterPubSub implements RedisPubSub {
  readonly #masters: ClusterMasters<ShardLink>
  readonly #places = new Map<string, Place>()
  /** Links that have dropped subscriptions, and how often the cluster has told its masters since. */
  readonly #disturbed = new Map<ShardLink, number>()
  #listener: Listener | undefined
  #isSomeLost = false

  constructor(url: ClusterUrl, options: ConnectionOptions, metrics: RedisMetrics) {
    this.#masters = new ClusterMasters<ShardLink>({
      connection: options,
      url,
      metrics,
      make: (address, at) => this.#link(address, new RedisConnection(options, metrics, () => at)),
      told: Effect.suspend(() => this.#told()),
      isSettled: () => !this.#isSomeLost && this.#disturbed.size === 0
    })
  }

  get isConnected(): boolean {
    return this.#masters.isWhole
  }

  get isAllowed(): boolean {
    return this.#masters.all.every((link) => link.isAllowed)
  }

  get run(): Effect.Effect<never> {
    return this.#masters.run
  }

  listen(listener: Listener): void {
    this.#listener = listener
  }

  subscribe(channel: string): void {
    const slot = slotOf(channel)
    const link = this.#masters.at(slot)
    this.#places.set(channel, { slot, link })
    link?.subscribe(channel)
  }

  unsubscribe(channel: string): void {
    this.#places.get(channel)?.link?.unsubscribe(channel)
    this.#places.delete(channel)
  }

  publish(channel: string, text: string): void {
    const link = this.#masters.at(slotOf(channel))
    if (link === undefined) return this.#lost()
    link.publish(channel, text, (error) => {
      const redirect = ClusterMap.redirectOf(error, link.address)
      const next = redirect === undefined ? undefined : this.#masters.find(redirect.address)
      if (redirect !== undefined) this.#masters.ask()
      if (next === undefined) this.#lost()
      else next.publish(channel, text, () => this.#lost())
    })
  }

  heard(channels: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, Unavailable> {
    return Effect.suspend(() => {
      const byLink = Array.from(Map.groupBy(channels, (channel) => this.#masters.at(slotOf(channel))))
      return Effect.forEach(
        byLink,
        ([link, asked]) => link?.heard(asked) ?? Effect.fail(new Unavailable({ what: "redis" })),
        { concurrency: "unbounded" }
      )
    }).pipe(Effect.map((found) => found.flat()))
  }

  drop(): void {
    for (const { connection } of this.#masters.all) connection.drop()
  }

  #link(address: string, connection: RedisConnection): ShardLink {
    const link: ShardLink = new ShardLink(
      address,
      connection,
      "sharded",
      () => this.#listener,
      () => {
        this.#disturbed.set(link, 0)
        this.#masters.ask()
      }
    )
    return link
  }

  #lost(): void {
    this.#isSomeLost = true
    this.#masters.ask()
  }

  /** The cluster has told its masters: each channel is followed where it is now. */
  #told(): Effect.Effect<void> {
    for (const [channel, place] of this.#places) {
      const link = this.#masters.at(place.slot)
      if (link === place.link) continue
      place.link?.unsubscribe(channel)
      link?.subscribe(channel)
      place.link = link
    }
    for (const link of this.#masters.all) link.retry()
    for (const [link, times] of this.#disturbed) {
      this.#disturbed.set(link, times + 1)
      if (times + 1 < PATIENCE) continue
      link.resubscribe()
      this.#disturbed.delete(link)
    }
    return this.#isSomeLost && this.isConnected ? this.#tellGap() : Effect.void
  }

  #tellGap(): Effect.Effect<void> {
    this.#isSomeLost = false
    return Effect.catch(Effect.asVoid(this.#masters.all[0]!.tellGap), () =>
      Effect.sync(() => {
        this.#isSomeLost = true
      })
    )
  }
}
