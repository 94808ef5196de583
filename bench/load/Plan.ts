/** Whom a load process plays: plain data, made by a contender and sent to the process. */
import type { Address } from "./RawWebSocket.ts"

export type DialectName = "phoenix" | "socketio" | "typing"

export interface SocketPlan {
  /** Of the upgrade request, with its query. */
  readonly path: string
  /** Joined at once when the socket opens; the last one is the conversation it sends to. */
  readonly topics: ReadonlyArray<string>
  /** Index of its conversation. */
  readonly conversation: number
}

export interface Plan {
  readonly address: Address
  readonly dialect: DialectName
  readonly sockets: ReadonlyArray<SocketPlan>
}
