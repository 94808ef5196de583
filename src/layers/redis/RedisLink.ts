/**
 * One connection that publishes and subscribes, so the order of a publisher is kept; what it is subscribed to outlives
 * it. Whoever listens is told of each subscription that Redis has confirmed, since what was published before it is in
 * doubt, and of gaps: those who share the link tell each other whenever one of them has connected anew, since it could
 * publish nothing meanwhile.
 */
import { Effect } from "effect"
import type { Redis as Client } from "ioredis"
import type { Unavailable } from "../../domain/Errors.ts"
import * as ClusterMap from "./ClusterMap.ts"
import type { RedisConnection } from "./RedisConnection.ts"

/** Whoever hears this compares all that it follows with storage. The message is the node that asks for it. */
const GAP_CHANNEL = "messaging:gap"

/** How channels are subscribed to and published on: a cluster keeps a channel where it keeps a key of that name. */
export type Manner = "plain" | "sharded"

const manners = {
  plain: {
    publish: "PUBLISH",
    count: "NUMSUB",
    batch: 500,
    add: (client: Client, channels: ReadonlyArray<string>) => client.subscribe(...channels),
    remove: (client: Client, channels: ReadonlyArray<string>) => client.unsubscribe(...channels)
  },
  sharded: {
    publish: "SPUBLISH",
    count: "SHARDNUMSUB",
    // Channels of one command have to be in one slot.
    batch: 1,
    add: (client: Client, channels: ReadonlyArray<string>) => client.ssubscribe(...channels),
    remove: (client: Client, channels: ReadonlyArray<string>) => client.sunsubscribe(...channels)
  }
} as const

/** Channels of one question. */
const ASKED = 500

export interface Listener {
  /** The id of this node, by which it knows its own gaps. */
  readonly node: string
  readonly message: (channel: string, text: string) => void
  /** Of these channels something may have been missed; what is published from now on is not in doubt. */
  readonly suspect: (channels: ReadonlyArray<string>) => void
  /** Redis refuses what this node cannot do without. */
  readonly refused: (what: string, error: Error) => void
}

/** The ACL of this node's user has no such channel. */
const isForbidden = (error: Error): boolean => error.message.startsWith("NOPERM")

const batches = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

export class RedisLink {
  readonly connection: RedisConnection
  readonly #manner: (typeof manners)[Manner]
  readonly #listener: () => Listener | undefined
  readonly #moved: () => void
  readonly #channels = new Set<string>()
  /** Channels whose subscription in Redis is not yet as `#channels` says. */
  #changed = new Set<string>()
  /** Channels that Redis has refused, for they are elsewhere, or nowhere, or forbidden. */
  readonly #refused = new Set<string>()
  /** Of those, the ones that this node's user may not follow. */
  readonly #forbidden = new Set<string>()
  #client: Client | undefined

  /** `moved` is told that some channel has its place at another server now. */
  constructor(
    connection: RedisConnection,
    manner: Manner,
    listener: () => Listener | undefined,
    moved: () => void = () => {}
  ) {
    this.connection = connection
    this.#manner = manners[manner]
    this.#listener = listener
    this.#moved = moved
    connection.onConnect((client) => this.#connected(client))
  }

  get isConnected(): boolean {
    return this.connection.isConnected
  }

  /** Whether Redis lets this node follow all that it wants to. */
  get isAllowed(): boolean {
    return this.#forbidden.size === 0
  }

  get ready(): Effect.Effect<void> {
    return this.connection.ready
  }

  get run(): Effect.Effect<never> {
    return this.connection.run
  }

  send(command: string, ...args: ReadonlyArray<string>): Effect.Effect<unknown, Unavailable> {
    return this.connection.send(command, ...args)
  }

  subscribe(channel: string): void {
    if (this.#channels.has(channel)) return
    this.#channels.add(channel)
    this.#change(channel)
  }

  unsubscribe(channel: string): void {
    if (this.#channels.delete(channel)) this.#change(channel)
  }

  /** Subscribes to all again: the server may have dropped some. */
  resubscribe(): void {
    for (const channel of this.#channels) this.#change(channel)
  }

  /** Subscribes again to what was refused. */
  retry(): void {
    const client = this.#client
    if (client !== undefined && this.#refused.delete(GAP_CHANNEL)) this.#joinGap(client)
    for (const channel of this.#refused) this.#change(channel)
    this.#refused.clear()
  }

  /** `lost` is told of a publication that did not get there, as far as is known. */
  publish(channel: string, text: string, lost: (error: Error | undefined) => void): void {
    const settle = (error: Error | undefined) => {
      if (error !== undefined) lost(error)
    }
    if (this.connection.sendUnsafe(settle, this.#manner.publish, channel, text)) return
    // A connection so far behind is as good as lost, and a new one makes good what was missed.
    this.connection.drop()
    lost(undefined)
  }

  /** Makes everybody who shares the link, or the cluster, compare what they follow with storage. */
  get tellGap(): Effect.Effect<unknown, Unavailable> {
    return Effect.suspend(() => this.send("PUBLISH", GAP_CHANNEL, this.#listener()?.node ?? ""))
  }

  /** Those of these channels that somebody is subscribed to. */
  heard(channels: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, Unavailable> {
    const ask = (batch: ReadonlyArray<string>) =>
      Effect.map(this.send("PUBSUB", this.#manner.count, ...batch), (counts) => {
        // Channels and their numbers of subscribers, by turns.
        const answer = counts as ReadonlyArray<string | number>
        return batch.filter((_, i) => Number(answer[2 * i + 1]) > 0)
      })
    return Effect.map(Effect.forEach(batches(channels, ASKED), ask), (found) => found.flat())
  }

  #connected(client: Client): void {
    this.#client = client
    this.#changed.clear()
    this.#refused.clear()
    this.#forbidden.clear()
    client.on("message", (channel, text) => {
      if (channel !== GAP_CHANNEL) this.#listener()?.message(channel, text)
      else if (text !== this.#listener()?.node) this.#listener()?.suspect(Array.from(this.#channels))
    })
    client.on("smessage", (channel, text) => this.#listener()?.message(channel, text))
    client.on("moved", this.#moved)
    client.once("end", () => {
      if (this.#client === client) this.#client = undefined
    })
    this.#joinGap(client)
    this.#add(client, Array.from(this.#channels))
  }

  #joinGap(client: Client): void {
    client
      .subscribe(GAP_CHANNEL)
      .then(() => client.publish(GAP_CHANNEL, this.#listener()?.node ?? ""))
      .then(
        () => this.#forbidden.delete(GAP_CHANNEL),
        (error) => this.#fail(client, [GAP_CHANNEL], error)
      )
  }

  /** Many channels come and go in one turn of the event loop. */
  #change(channel: string): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#settle())
    this.#changed.add(channel)
  }

  #settle(): void {
    const due = Array.from(this.#changed)
    this.#changed = new Set()
    const client = this.#client
    if (client === undefined) return
    const removed = due.filter((channel) => !this.#channels.has(channel))
    for (const channel of removed) this.#forbidden.delete(channel)
    for (const batch of batches(removed, this.#manner.batch)) {
      this.#manner.remove(client, batch).catch((error) => this.#complain(client, "unsubscribing", error))
    }
    this.#add(
      client,
      due.filter((channel) => this.#channels.has(channel))
    )
  }

  #add(client: Client, channels: ReadonlyArray<string>): void {
    const confirmed: Array<string> = []
    for (const batch of batches(channels, this.#manner.batch)) {
      this.#manner.add(client, batch).then(
        () => {
          // Answers arrive many at a time; whoever is told compares them together.
          if (confirmed.length === 0) queueMicrotask(() => this.#listener()?.suspect(confirmed.splice(0)))
          confirmed.push(...batch)
          for (const each of batch) this.#forbidden.delete(each)
        },
        (error) => this.#fail(client, batch, error)
      )
    }
  }

  #fail(client: Client, channels: ReadonlyArray<string>, error: Error): void {
    for (const each of channels) this.#refused.add(each)
    // What is forbidden is told once, however many channels there are and however often they are tried.
    const isNews = this.isAllowed || !isForbidden(error)
    if (isForbidden(error)) for (const each of channels) this.#forbidden.add(each)
    if (isNews) this.#complain(client, "subscriptions", error)
  }

  /** What the connection's end refuses is made good with the next one; what Redis itself refuses is not. */
  #complain(client: Client, what: string, error: Error): void {
    if (client.status !== "ready") return
    if (ClusterMap.redirectOf(error, ":") !== undefined) this.#moved()
    else this.#listener()?.refused(what, error)
  }
}
