/** A WebSocket that speaks frames, not channels: what no Phoenix client would send, and exactly what comes back. */
import { Data, Effect } from "effect"
import { type ClientOptions, WebSocket } from "ws"
import { Inbox } from "../../support/Inbox.ts"
import type { SocketServer } from "./SocketServer.ts"

export type Ref = string | number | null

export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}> {}

export interface RawOptions extends ClientOptions {
  /** The query, without its question mark. Default: Alice, V2. */
  readonly query?: string
  readonly protocols?: ReadonlyArray<string>
}

export class RawSocket {
  readonly ws: WebSocket
  /** Text frames, parsed. */
  readonly frames = new Inbox<unknown>("frames")
  readonly closes = new Inbox<{ readonly code: number; readonly reason: string }>("closes")
  readonly pongs = new Inbox<true>("pongs")

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on("message", (data) => this.frames.put(JSON.parse(data.toString())))
    ws.on("close", (code, reason) => this.closes.put({ code, reason: reason.toString() }))
    ws.on("pong", () => this.pongs.put(true))
    ws.on("error", () => {})
  }

  send(joinRef: Ref, ref: Ref, topic: string, event: string, payload: unknown = {}): void {
    this.ws.send(JSON.stringify([joinRef, ref, topic, event, payload]))
  }

  sendRaw(data: string | Uint8Array): void {
    this.ws.send(data)
  }

  readonly next = () => this.frames.next()

  /** Joins and takes the reply, and the presence state after it. */
  readonly join = Effect.fnUntraced(
    { self: this },
    function* (topic: string, ref = "1", payload: unknown = {}) {
      this.send(ref, ref, topic, "phx_join", payload)
      const reply = yield* this.frames.next()
      yield* this.frames.next({ where: isEvent("presence_state") })
      return reply
    }
  )

  /** A heartbeat's round trip: everything sent before is handled now. */
  readonly settle = Effect.fnUntraced({ self: this }, function* (ref = "settle") {
    this.send(null, ref, "phoenix", "heartbeat")
    yield* this.frames.next({ where: (frame) => Array.isArray(frame) && frame[1] === ref })
  })
}

export const isEvent = (event: string) => (frame: unknown) => Array.isArray(frame) && frame[3] === event

/** Opens a socket for the scope; a refusal comes with its status and body. */
export const open = (
  server: SocketServer,
  { protocols = [], query = "token=alice&vsn=2.0.0", ...options }: RawOptions = {}
) =>
  Effect.acquireRelease(
    Effect.callback<RawSocket, Refused>((resume) => {
      const ws = new WebSocket(`${server.url}/websocket?${query}`, [...protocols], options)
      const socket = new RawSocket(ws)
      ws.on("open", () => resume(Effect.succeed(socket)))
      ws.on("unexpected-response", (_request, response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on("end", () => {
          const { headers, statusCode: status = 0 } = response
          resume(Effect.fail(new Refused({ status, headers, body: JSON.parse(text) })))
        })
      })
    }),
    ({ ws }) => Effect.sync(() => ws.terminate())
  )
