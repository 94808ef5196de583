/** Publish/subscribe over one Redis, or over a cluster, whose masters each have some of the channels. */
import { Effect, Redacted } from "effect"
import type { Unavailable } from "../../domain/Errors.ts"
import { ClusterPubSub } from "./ClusterPubSub.ts"
import { type ConnectionOptions, RedisConnection } from "./RedisConnection.ts"
import { type Listener, RedisLink } from "./RedisLink.ts"
import { RedisMetrics } from "./RedisMetrics.ts"
import * as RedisUrl from "./RedisUrl.ts"

export interface RedisPubSub {
  /** Whether everything that is published now can get there. */
  readonly isConnected: boolean
  /** Whether Redis lets this node listen to all that it has to. */
  readonly isAllowed: boolean
  /** Sets the one who hears. */
  readonly listen: (listener: Listener) => void
  /** Never fails, never waits; what is lost on the way, those who follow the channel are told to look for. */
  readonly publish: (channel: string, text: string) => void
  readonly subscribe: (channel: string) => void
  readonly unsubscribe: (channel: string) => void
  /** Those of these channels that somebody is subscribed to. */
  readonly heard: (channels: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, Unavailable>
  /** Keeps the connections; the supervision tree runs it. */
  readonly run: Effect.Effect<never>
  /** Gives the connections up, for new ones. */
  readonly drop: () => void
}

/** What Redis forbids it may allow later. */
const retrying = (link: RedisLink): Effect.Effect<never> =>
  Effect.sync(() => link.retry()).pipe(Effect.delay("5 seconds"), Effect.forever)

const ofServer = (connection: RedisConnection): RedisPubSub => {
  let listener: Listener | undefined
  const link = new RedisLink(connection, "plain", () => listener)
  return {
    get isConnected() {
      return connection.isConnected
    },
    get isAllowed() {
      return link.isAllowed
    },
    listen: (given) => {
      listener = given
    },
    // All that share this Redis are told of the gap with the next connection.
    publish: (channel, text) => link.publish(channel, text, () => {}),
    subscribe: (channel) => link.subscribe(channel),
    unsubscribe: (channel) => link.unsubscribe(channel),
    heard: (channels) => link.heard(channels),
    run: Effect.raceFirst(connection.run, retrying(link)),
    drop: () => connection.drop()
  }
}

export const make = Effect.fnUntraced(function* (options: ConnectionOptions) {
  const metrics = new RedisMetrics(options.name, yield* Effect.context<never>())
  const url = RedisUrl.parse(Redacted.value(options.url))
  return url?.kind === "cluster"
    ? new ClusterPubSub(url, options, metrics)
    : ofServer(new RedisConnection(options, metrics))
})
