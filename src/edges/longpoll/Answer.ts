/** How long-poll answers: always 200 with the real status in the JSON body, readable from any page, never cached. */
import type { ServerResponse } from "node:http"

export interface Body {
  readonly status: number
  /** On every answer to a GET: `token`, or the client forgets it. On a refusal: `reason` and more. */
  readonly [field: string]: unknown
}

/** Every page may read the answer: which pages may ask was decided by their origin. */
const anyPage = { "access-control-allow-origin": "*" } as const

/** Does nothing when the client is gone. */
export const answer = (response: ServerResponse, body: Body): void => {
  if (response.destroyed || response.headersSent) return
  const text = JSON.stringify(body)
  response.writeHead(200, {
    ...anyPage,
    "cache-control": "no-store",
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text)
  })
  response.end(text)
}

export const answerEmpty = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { ...anyPage, "content-length": 0 })
  response.end()
}

/** A browser's question, before a request from another origin, which headers it may send. */
export const answerPreflight = (response: ServerResponse, requestedHeaders: string | undefined): void => {
  response.writeHead(200, {
    ...anyPage,
    "access-control-allow-headers": requestedHeaders ?? "",
    "access-control-allow-methods": "get, post, options",
    "access-control-max-age": "3600",
    "content-length": 0
  })
  response.end()
}
