/**
 * Which pages of other origins may read our answers: those of `ALLOWED_ORIGINS`, the same that may open sockets, and
 * none where it is empty. There are no cookies here, so no page gets further by a user's browser than without it.
 */
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Origin from "../../domain/protocol/Origin.ts"

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
const REQUEST_HEADERS = "authorization, content-type, idempotency-key, if-match, x-request-id"
const EXPOSED_HEADERS =
  "etag, idempotency-replayed, location, retry-after, ratelimit, ratelimit-policy, x-request-id"
/** Seconds; browsers keep no preflight for longer than two hours. */
const MAX_AGE = 7_200

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

export interface Cors {
  /** The answer to a page's question whether it may ask; `undefined` for any other request. */
  readonly preflight: (request: Request) => Response | undefined
  readonly allow: (request: Request, response: Response) => Response
}

export const make = (allowedOrigins: ReadonlyArray<string>): Cors => {
  const isAllowed = (origin: string): boolean =>
    allowedOrigins.length > 0 && Origin.isAllowed(origin, undefined, allowedOrigins)

  const allow: Cors["allow"] = (request, response) => {
    if (allowedOrigins.length === 0) return response
    // An answer that is kept must not be given to another origin.
    const varied = HttpServerResponse.setHeader(response, "vary", "Origin")
    const origin = request.headers.origin
    if (origin === undefined || !isAllowed(origin)) return varied
    return HttpServerResponse.setHeaders(varied, {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED_HEADERS
    })
  }

  const preflight: Cors["preflight"] = (request) => {
    const { origin } = request.headers
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) {
      return undefined
    }
    if (origin === undefined || !isAllowed(origin)) return undefined
    return HttpServerResponse.empty({
      status: 204,
      headers: {
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": String(MAX_AGE)
      }
    })
  }

  return { preflight, allow }
}
