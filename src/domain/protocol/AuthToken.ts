/**
 * Where a client puts its token when it connects: the WebSocket subprotocol of Phoenix 1.8's `authToken`
 * (`Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.<T>`), or the query parameter `token`.
 */
import { Redacted } from "effect"

const PREFIX = "base64url.bearer.phx."

/** The subprotocol the server answers with; never the entry that carries the token. */
export const SUBPROTOCOL = "phoenix"

/** The client encodes with the standard alphabet and strips the padding; both alphabets are accepted. */
const fromBase64 = (text: string): string | undefined => {
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"))
  } catch {
    return undefined
  }
}

export const fromSubprotocols = (header: string | undefined): Redacted.Redacted | undefined => {
  for (const entry of header?.split(",") ?? []) {
    const protocol = entry.trim()
    if (!protocol.startsWith(PREFIX)) continue
    const token = fromBase64(protocol.slice(PREFIX.length))
    return token === undefined ? undefined : Redacted.make(token)
  }
  return undefined
}

export const fromQuery = (query: URLSearchParams): Redacted.Redacted | undefined => {
  // When a key repeats, the last value wins.
  const token = query.getAll("token").at(-1)
  return token === undefined || token === "" ? undefined : Redacted.make(token)
}
