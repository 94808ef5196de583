/**
 * What arrives at the HTTP port and is no request: broken syntax, endless headers, headers that do not come to
 * an end in time. Node knows no response object for it, so the problem document is written to the socket.
 */
import { randomUUID } from "node:crypto"
import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { Effect, FiberSet } from "effect"
import { ProblemDetails } from "effect/http"
import { statusBody } from "./Problem.ts"

const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431
}

const answer = (socket: Duplex, status: number, requestId: string): void => {
  const body = statusBody(status, requestId)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    `Content-Type: ${ProblemDetails.contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
}

/** The listener for a Node server's `clientError` event, as long as the scope is open. */
export const listener = Effect.gen(function* () {
  const run = yield* FiberSet.makeRuntime<never>()
  return (error: NodeJS.ErrnoException, socket: Duplex): void => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy()
      return
    }
    const status = statuses[error.code ?? ""] ?? 400
    const requestId = randomUUID()
    answer(socket, status, requestId)
    run(
      Effect.logInfo(`No HTTP request: ${status}`, { code: error.code }).pipe(
        Effect.annotateLogs("request_id", requestId)
      )
    )
  }
})
