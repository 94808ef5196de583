/**
 * Publish/subscribe between nodes. At most once, and in order per topic and publisher: what a broken connection
 * swallows is repaired by `seq` from Postgres. Payloads pass through opaque, encoded once by the publisher.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { SessionId } from "../Ids.ts"

export interface Publication {
  readonly topic: string
  readonly event: string
  /** The event's payload, as JSON text. */
  readonly payload: string
  /** The number of a durable event, `null` for an ephemeral one (typing, presence, receipts). */
  readonly seq: number | null
  /** A session that must not get it, normally the one that caused it. */
  readonly except: SessionId | null
}

export class Broker extends Context.Service<
  Broker,
  {
    /**
     * Hands a publication to every node with an interest in its topic: to this one within the call, whatever the
     * state of the connection to the others. Never fails, never waits.
     */
    readonly publish: (publication: Publication) => void
    /** Declares this node's interest in a topic. Idempotent. */
    readonly subscribe: (topic: string) => void
    readonly unsubscribe: (topic: string) => void
    /** Those of these topics in which some node has declared an interest. */
    readonly heard: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlySet<string>, Unavailable>
    /** Sets the one receiver of this node (its TopicHub). */
    readonly onPublication: (receive: (publication: Publication) => void) => void
    /**
     * Sets the one receiver of topics of which publications of other nodes may have been missed: subscribed to just
     * now, or again, or another node could not publish. What is published from then on is not in doubt.
     */
    readonly onGap: (suspect: (topics: ReadonlyArray<string>) => void) => void
  }
>()("messaging-service/domain/ports/Broker") {}
