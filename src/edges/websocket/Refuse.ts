/**
 * Refusing a connection at HTTP level, before any upgrade: the status from the one table of refusals and a JSON
 * reason. It must happen here: a socket that is accepted and then closed makes clients reconnect at once.
 */
import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type { WireRefusal } from "../../domain/Refusal.ts"

export interface HttpRefusal {
  readonly status: number
  readonly reason: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
}

export const fromWire = (wire: WireRefusal): HttpRefusal => ({
  status: wire.http,
  reason: wire.reason,
  fields: wire.fields,
  ...(wire.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: wire.retryAfterSeconds }),
  ...(wire.headers === undefined ? {} : { headers: wire.headers })
})

export const refuse = (socket: Duplex, requestId: string, refusal: HttpRefusal): void => {
  const body = JSON.stringify({ reason: refusal.reason, ...refusal.fields, request_id: requestId })
  const headers = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    ...(refusal.retryAfterSeconds === undefined ? [] : [`Retry-After: ${refusal.retryAfterSeconds}`]),
    ...Object.entries(refusal.headers ?? {}).map(([name, value]) => `${name}: ${value}`)
  ]
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`)
}
