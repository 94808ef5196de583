/**
 * Where a client puts its token when it connects: the WebSocket subprotocol of Phoenix 1.8's `authToken`
 * (`Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.<T>`), its twin for long-poll (a header), or the query
 * parameter `token`.
 */
import { Redacted } from "effect"
import * as ConnectParams from "./ConnectParams.ts"

const PREFIX = "base64url.bearer.phx."

/** The subprotocol the server answers with; never the entry that carries the token. */
export const SUBPROTOCOL = "phoenix"

/** The same on a socket of typed RPC. */
export const RPC_SUBPROTOCOL = "messaging-rpc"

/** What a client offers that has no other place for its token. */
export const toSubprotocols = (subprotocol: string, token: string): Array<string> => [
  subprotocol,
  PREFIX + btoa(token).replaceAll("=", "")
]

/** The client encodes with the standard alphabet and strips the padding; both alphabets are accepted. */
const fromBase64 = (text: string): string | undefined => {
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"))
  } catch {
    return undefined
  }
}

const entries = (header: string | undefined): ReadonlyArray<string> =>
  header === undefined ? [] : header.split(",").map((entry) => entry.trim())

export const fromSubprotocols = (header: string | undefined): Redacted.Redacted | undefined => {
  const entry = entries(header).find((protocol) => protocol.startsWith(PREFIX))
  if (entry === undefined) return undefined
  const token = fromBase64(entry.slice(PREFIX.length))
  return token === undefined || token === "" ? undefined : Redacted.make(token)
}

export const offers = (header: string | undefined, subprotocol: string): boolean =>
  entries(header).includes(subprotocol)

/** Whether we speak one of the offered subprotocols. None offered, but for the token's entry, is well too. */
export const acceptsSubprotocols = (header: string | undefined): boolean =>
  offers(header, SUBPROTOCOL) || entries(header).every((protocol) => protocol.startsWith(PREFIX))

export const fromParams = (params: URLSearchParams): Redacted.Redacted | undefined => {
  const token = ConnectParams.last(params, "token")
  return token === undefined || token === "" ? undefined : Redacted.make(token)
}
