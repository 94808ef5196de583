/**
 * The official `phoenix` npm client, unmodified, driven from Effect tests. Owns the transport (the `ws` package, which
 * unlike a browser tells why an upgrade was refused), the collecting of what arrives and the cleaning up. Runs every
 * version in {@link versions}; the protocol itself is theirs.
 */

import { Data, Effect, type Scope } from "effect"
import * as Phoenix_1_8_16 from "phoenix"
import * as Phoenix_1_7_21 from "phoenix-1.7"
import * as Phoenix_1_8_12 from "phoenix-1.8.12"
import { WebSocket } from "ws"
import { Inbox, type NothingArrived, type WaitOptions } from "./Inbox.ts"
import * as Written from "./Written.ts"

export type PhoenixModule = typeof Phoenix_1_8_16

export const versions = {
  "1.7.21": Phoenix_1_7_21,
  "1.8.12": Phoenix_1_8_12,
  "1.8.16": Phoenix_1_8_16
} satisfies Record<string, PhoenixModule>

/** The server answered the connection attempt with a status; `undefined` when it did not answer. */
export class ConnectRefused extends Data.TaggedError("ConnectRefused")<{
  readonly status: number | undefined
  readonly body: string
}> {}

export class JoinRefused extends Data.TaggedError("JoinRefused")<{
  readonly topic: string
  readonly status: "error" | "timeout"
  readonly response: unknown
}> {}

export class PushRefused extends Data.TaggedError("PushRefused")<{
  readonly event: string
  readonly status: "error" | "timeout"
  readonly response: unknown
}> {}

export interface ConnectOptions extends Phoenix_1_8_16.SocketOptions {
  /** `ws://host:port/socket`, as `AppProcess` has it. */
  readonly url: string
  /** Default: the newest. */
  readonly module?: PhoenixModule
  /** Headers of the upgrade request, such as `origin`. */
  readonly headers?: Readonly<Record<string, string>>
  /** `false` returns at once, connected or not. Default true. */
  readonly waitForOpen?: boolean
}

export interface Received {
  readonly event: string
  readonly payload: unknown
}

interface Refusal {
  readonly status: number
  readonly body: string
}

/** A joined, or joining, channel. `Reply` is the caller's claim of what the join answers. */
export class ClientChannel<Reply = unknown> {
  readonly raw: Phoenix_1_8_16.Channel
  readonly presence: Phoenix_1_8_16.Presence
  /** The answers to join and to each rejoin. */
  readonly joins: Inbox<Reply>
  /** Events of the application, without the protocol's own. */
  readonly events: Inbox<Received>
  /** One item for each `phx_error` and each loss of the connection. */
  readonly errors: Inbox<unknown>
  /** One item for each `phx_close`. */
  readonly closes: Inbox<unknown>
  readonly #joining: Phoenix_1_8_16.Push

  constructor(
    module: PhoenixModule,
    socket: Phoenix_1_8_16.Socket,
    topic: string,
    params: Phoenix_1_8_16.Params
  ) {
    this.raw = socket.channel(topic, params)
    this.presence = new module.Presence(this.raw)
    this.joins = new Inbox(`joins of ${topic}`)
    this.events = new Inbox(`events of ${topic}`)
    this.errors = new Inbox(`errors of ${topic}`)
    this.closes = new Inbox(`closes of ${topic}`)
    this.raw.onMessage = (event, payload) => {
      if (!/^(phx_|chan_reply_)/.test(event)) this.events.put({ event, payload })
      return payload
    }
    this.raw.onError((reason) => this.errors.put(reason))
    this.raw.onClose((payload) => this.closes.put(payload))
    this.#joining = this.raw.join().receive("ok", (reply) => this.joins.put(reply as Reply))
  }

  get topic(): string {
    return this.raw.topic
  }

  /** The latest join's answer. */
  get reply(): Reply {
    const reply = this.joins.all.at(-1)
    if (reply === undefined) throw new Error(`${this.topic} is not joined`)
    return reply
  }

  /** Payloads of one event so far, in order. */
  received<A = unknown>(event: string): ReadonlyArray<A> {
    return this.events.all.filter((item) => item.event === event).map((item) => item.payload as A)
  }

  /** Takes the next payload of this event, or waits for it; other events stay where they are. */
  next<A = unknown>(event: string, options: WaitOptions<A> = {}): Effect.Effect<A, NothingArrived> {
    const { where = () => true, ...rest } = options
    const fits = (item: Received) => item.event === event && where(item.payload as A)
    return Effect.map(this.events.next({ ...rest, where: fits }), (item) => item.payload as A)
  }

  /** Waits for the first answer to the join; a refused channel is left, so that it does not try for ever. */
  readonly joined: Effect.Effect<this, JoinRefused> = Effect.callback((resume) => {
    const refused = (status: "error" | "timeout") => (response: unknown) => {
      this.raw.leave()
      resume(Effect.fail(new JoinRefused({ topic: this.topic, status, response })))
    }
    this.#joining
      .receive("ok", () => resume(Effect.succeed(this)))
      .receive("error", refused("error"))
      .receive("timeout", refused("timeout"))
  })

  /** Sends an event and waits for the reply's response. */
  push<A = unknown>(event: string, payload: object = {}, timeout?: number): Effect.Effect<A, PushRefused> {
    return Effect.callback((resume) => {
      const refused = (status: "error" | "timeout") => (response: unknown) =>
        resume(Effect.fail(new PushRefused({ event, status, response })))
      Written.note(payload)
      this.raw
        .push(event, payload, timeout)
        .receive("ok", (response) => resume(Effect.succeed(response as A)))
        .receive("error", refused("error"))
        .receive("timeout", refused("timeout"))
    })
  }

  readonly leave: Effect.Effect<void> = Effect.callback((resume) => {
    const done = () => resume(Effect.void)
    this.raw.leave().receive("ok", done).receive("timeout", done)
  })
}

/** One socket of one client. */
export class Client {
  readonly socket: Phoenix_1_8_16.Socket
  /** One item for each time the connection opened. */
  readonly opens = new Inbox<true>("opens")
  readonly closes = new Inbox<Phoenix_1_8_16.CloseEvent>("closes")
  readonly errors = new Inbox<unknown>("connection errors")
  /** Answers to upgrades that were refused, when the transport is `ws`. */
  readonly refusals = new Inbox<Refusal>("refused upgrades")
  readonly #module: PhoenixModule
  #connection: WebSocket | undefined

  constructor({ headers = {}, module = Phoenix_1_8_16, url, waitForOpen: _, ...options }: ConnectOptions) {
    this.#module = module
    this.socket = new module.Socket(url, {
      transport: this.#transport(headers),
      // The browser's session storage remembers a fallback to long-poll; one test must not decide for another.
      sessionStorage: { getItem: () => null, setItem: () => {} },
      ...options
    })
    this.socket.onOpen(() => this.opens.put(true))
    this.socket.onClose(({ code, reason }) => this.closes.put({ code, reason }))
    this.socket.onError((error) => this.errors.put(error))
  }

  #transport(headers: Readonly<Record<string, string>>) {
    const opened = (connection: WebSocket) => {
      this.#connection = connection
    }
    const { refusals } = this
    return class extends WebSocket {
      constructor(url: string, protocols?: Array<string>) {
        super(url, protocols, { headers })
        opened(this)
        this.on("unexpected-response", (_request, response) => {
          let body = ""
          response.setEncoding("utf8")
          response.on("data", (text: string) => {
            body += text
          })
          response.on("close", () => {
            refusals.put({ status: response.statusCode ?? 0, body })
            this.terminate()
          })
        })
      }
    }
  }

  /** Waits until the connection is open; a refusal before that ends the client's further attempts. */
  readonly opened: Effect.Effect<this, ConnectRefused> = Effect.callback((resume) => {
    if (this.opens.all.length > 0) return resume(Effect.succeed(this))
    this.socket.onOpen(() => resume(Effect.succeed(this)))
    this.socket.onError(() => {
      if (this.opens.all.length > 0) return
      const refusal = this.refusals.all.at(-1)
      this.socket.disconnect()
      resume(Effect.fail(new ConnectRefused({ status: refusal?.status, body: refusal?.body ?? "" })))
    })
  })

  /** Starts to join and returns at once. */
  channel<Reply = unknown>(topic: string, params: Phoenix_1_8_16.Params = {}): ClientChannel<Reply> {
    return new ClientChannel<Reply>(this.#module, this.socket, topic, params)
  }

  /** Joins; fails with the server's answer when it refuses. */
  join<Reply = unknown>(
    topic: string,
    params: Phoenix_1_8_16.Params = {}
  ): Effect.Effect<ClientChannel<Reply>, JoinRefused> {
    return Effect.suspend(() => this.channel<Reply>(topic, params).joined)
  }

  /** Breaks the connection without a close frame, as a lost network does; the client then reconnects by itself. */
  readonly drop: Effect.Effect<void> = Effect.sync(() => this.#connection?.terminate())

  /** Sends raw text on the connection, past the client's own encoding. */
  sendText(text: string): Effect.Effect<void> {
    return Effect.sync(() => this.#connection?.send(text))
  }

  readonly disconnect: Effect.Effect<void> = Effect.sync(() => this.socket.disconnect())

  /** Ends everything at once, timers included. */
  destroy(): void {
    this.socket.disconnect()
    this.#connection?.terminate()
  }
}

/** Connects, by default waiting until the connection is open; disconnects when the scope closes. */
export const connect = (options: ConnectOptions): Effect.Effect<Client, ConnectRefused, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(options)),
    (client) => Effect.sync(() => client.destroy())
  ).pipe(
    Effect.tap((client) => Effect.sync(() => client.socket.connect())),
    Effect.flatMap((client) => (options.waitForOpen === false ? Effect.succeed(client) : client.opened))
  )
