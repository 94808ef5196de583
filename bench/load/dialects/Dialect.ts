/**
 * What a load generator must know of a server's protocol: how to say hello, join and send, and how to tell a
 * delivery from everything else by a few bytes, without JSON.
 */

/** An answer to a join or a send. `reason` is there when it was refused. */
export interface Reply {
  readonly ref: number
  readonly seq: number | undefined
  readonly reason: string | undefined
}

/** `delivery`: a message of a conversation. `ready`: joins may be sent. `ping`: answer with `pong`. */
export type Incoming = "delivery" | "ready" | "ping" | "other" | Reply

export interface Dialect {
  /** Sent when the socket opens; without it the socket is ready at once. */
  readonly hello: string | undefined
  readonly pong: string
  readonly join: (topic: string, ref: number) => string
  /** `joinRef` is the `ref` the topic was joined with. `ref` is also the `client_random`. */
  readonly send: (topic: string, joinRef: number, ref: number, content: string) => string
  readonly read: (buffer: Buffer, start: number, end: number) => Incoming
}
