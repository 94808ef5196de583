/**
 * Refusing a connection at HTTP level, before any upgrade: the status from the one table of refusals and a JSON
 * reason. It must happen here: a socket that is accepted and then closed makes clients reconnect at once.
 */
import { type ServerResponse, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { Effect, Metric } from "effect"
import type { WireRefusal } from "../../domain/Refusal.ts"

export interface HttpRefusal {
  readonly status: number
  readonly reason: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
}

const refusals = Metric.counter("sockets_refused_total", {
  description: "Connections of sockets refused, long-poll included, by reason",
  incremental: true
})

/** Counts a refusal, and puts it into the log. */
export const noteRefused = (
  { reason, status }: HttpRefusal,
  from: { readonly request_id: string; readonly address: string; readonly transport: string }
): Effect.Effect<void> =>
  Effect.logInfo("Socket refused").pipe(
    Effect.annotateLogs({ ...from, status, reason }),
    Effect.andThen(Metric.update(Metric.withAttributes(refusals, { reason }), 1))
  )

export const fromWire = (wire: WireRefusal): HttpRefusal => ({
  status: wire.http,
  reason: wire.reason,
  fields: wire.fields,
  ...(wire.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: wire.retryAfterSeconds }),
  ...(wire.headers === undefined ? {} : { headers: wire.headers })
})

const answerOf = (requestId: string, { fields, headers, reason, retryAfterSeconds }: HttpRefusal) => {
  const body = JSON.stringify({ reason, ...fields, request_id: requestId })
  const head: Record<string, string> = {
    Connection: "close",
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    "X-Request-Id": requestId,
    ...(retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) }),
    ...headers
  }
  return { body, headers: head }
}

/** On a socket that Node has handed over. */
export const refuse = (socket: Duplex, requestId: string, refusal: HttpRefusal): void => {
  const { body, headers } = answerOf(requestId, refusal)
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
}

/** To a request that Node still owns, in its turn behind those that came before it on the same connection. */
export const refuseRequest = (response: ServerResponse, requestId: string, refusal: HttpRefusal): void => {
  const { body, headers } = answerOf(requestId, refusal)
  response.writeHead(refusal.status, headers).end(body)
}
