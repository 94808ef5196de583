/**
 * What a channel is: one topic joined on one socket. Its session routes frames to it, in order, and owns the
 * socket; the channel knows its events. A defect in a channel ends that channel (`phx_error`), not the session.
 */
import type { Effect } from "effect"
import type { Caller, Identity } from "../../domain/Identity.ts"
import type { SessionId } from "../../domain/Ids.ts"
import type { Status } from "../../domain/Presence.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { Ref, Serializer } from "../../domain/protocol/Frame.ts"
import type { EncodedFrame } from "../topic/SharedFrame.ts"

/** The session as its channels see it. */
export interface ChannelHost {
  readonly caller: Caller & { readonly sessionId: SessionId }
  /** The client's, as limits count it. */
  readonly address: string
  readonly serializer: Serializer
  /** Hands a finished frame to the socket's outbox; ephemeral ones may be dropped under pressure (false). */
  readonly send: (frame: EncodedFrame, ephemeral: boolean) => boolean
  /** Waits until the socket has taken most of what was sent: the pace of everything that can wait. */
  readonly room: Effect.Effect<void>
  /** Ends the channel with `phx_error`: its client rejoins. */
  readonly crash: (channel: Channel) => void
  /** The same user on the same device, with another token. */
  readonly goOnAs: (identity: Identity) => void
  /** The device's presence, the same on all its topics. */
  readonly status: () => Status
  readonly setStatus: (status: Status) => void
  /**
   * Runs beside the session's frames, and no longer than the sessions' supervisor. A leave, and a shutdown, wait
   * for it: the reply to a push comes before the reply to the leave behind it.
   */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** The same for work without a fiber: what is returned must be called, once, with how it went. */
  readonly expect: <A>(done: (outcome: A) => void) => (outcome: A) => void
}

export interface Channel {
  readonly topic: string
  readonly joinRef: Ref
  /** After the join reply is written: what waited for it follows. */
  readonly opened: () => void
  /** One event of the client, with a JSON payload. Replies by itself: now (`undefined`), or as the effect goes. */
  readonly handleIn: (event: string, payload: unknown, ref: Ref) => Effect.Effect<void> | undefined
  /** The device's status has changed. */
  readonly presenceChanged: () => void
  /** A publication of a conversation that this socket has not joined. */
  readonly preview?: (publication: Publication) => void
  /** The peer fell behind, lost ephemeral frames, and has now read all the others: the time to repair. */
  readonly caughtUp?: () => void
  /** Leaves the topic: no frame is sent for it afterwards. Idempotent. */
  readonly close: () => void
}

/** A successful join: the channel, and the response of the join's reply as JSON text. */
export interface Joined {
  readonly channel: Channel
  readonly response: string
}
