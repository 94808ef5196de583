/**
 * How HTTP says no: problem details (RFC 9457), made from the one table of refusals, plus the few reasons that
 * only HTTP has. No other file of this edge writes an error body.
 */
import { Effect, Schema } from "effect"
import { HttpServerResponse, ProblemDetails } from "effect/http"
import { HttpApiSchema } from "effect/http-api"
import { Issue, type Refusal } from "../../domain/Errors.ts"
import { toWire, type WireRefusal } from "../../domain/Refusal.ts"
import { RequestId } from "./RequestId.ts"

/** The body of every answer from 400 up. Further members depend on the reason. */
export const Problem = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  reason: Schema.String,
  request_id: Schema.String,
  issues: Schema.optionalKey(Schema.Array(Issue)),
  retry_after_ms: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "Problem" })

const meaning = {
  400: "The input is not valid; `issues` names what is wrong with it.",
  401: "No token, or one that is not accepted; `reason` says why.",
  403: "Not a member, not allowed, or blocked for a while.",
  404: "There is no such thing.",
  409: "The request contradicts the present state.",
  413: "The message or the body is too large.",
  415: "The body is not JSON.",
  422: "The content is against the policy; or the `Idempotency-Key` names another request.",
  429: "Too many requests; `Retry-After` says when to come back, `RateLimit-Policy` what the limit is.",
  503: "Overloaded, or something this request needs does not answer. Nothing was done."
} as const

type DeclaredStatus = keyof typeof meaning

const declare = (status: DeclaredStatus) =>
  Problem.pipe(
    HttpApiSchema.status(status),
    HttpApiSchema.asJson({ contentType: ProblemDetails.contentType })
  ).annotate({ identifier: `Problem${status}`, description: meaning[status] })

/** One schema per status, shared by all endpoints, so that the OpenAPI document has one component for each. */
const declared = new Map(
  Object.keys(meaning).map((key) => {
    const status = Number(key) as DeclaredStatus
    return [status, declare(status)] as const
  })
)

/** Declares with which statuses an endpoint may refuse, for the documentation and for typed clients. */
export const problems = (...statuses: ReadonlyArray<DeclaredStatus>) =>
  statuses.map((status) => declared.get(status)!)

/** What only HTTP can refuse for, in the form of the one table. */
const httpOnly = {
  400: { reason: "bad_request", title: "The request cannot be read" },
  405: { reason: "method_not_allowed", title: "This method is not allowed here" },
  408: { reason: "request_timeout", title: "The request did not arrive in time" },
  412: { reason: "precondition_failed", title: "A precondition of the request does not hold" },
  415: { reason: "unsupported_media_type", title: "The body must be JSON (application/json)" },
  416: { reason: "range_not_satisfiable", title: "There is no such range" },
  422: { reason: "idempotency_key_reused", title: "This Idempotency-Key names another request" },
  431: { reason: "headers_too_large", title: "The headers of the request are too large" },
  500: { reason: "internal", title: "Something went wrong on our side" }
} as const

type HttpOnlyStatus = keyof typeof httpOnly

const isHttpOnly = (status: number): status is HttpOnlyStatus => status in httpOnly

const detailOf = ({ fields, title }: Pick<WireRefusal, "fields" | "title">): string => {
  const [first] = (fields.issues ?? []) as ReadonlyArray<Issue>
  if (first !== undefined) return first.path === "" ? first.message : `${first.path}: ${first.message}`
  if (fields.limit !== undefined) return `${title}: the limit is ${fields.limit}`
  if (fields.until !== undefined) return `${title} until ${fields.until}`
  return title
}

const headersOf = (wire: WireRefusal): Record<string, string> => {
  const headers: Record<string, string> = { ...wire.headers }
  if (wire.retryAfterSeconds !== undefined) headers["retry-after"] = String(wire.retryAfterSeconds)
  if (wire.http === 401) {
    // RFC 6750: without a token there is nothing to call invalid.
    headers["www-authenticate"] =
      wire.reason === "token_missing"
        ? "Bearer"
        : `Bearer error="invalid_token", error_description="${wire.reason}"`
  }
  return headers
}

type Facts = Pick<WireRefusal, "reason" | "http" | "title" | "fields">

const bodyOf = (facts: Facts, requestId: string) => ({
  type: `/problems/${facts.reason}`,
  title: facts.title,
  status: facts.http,
  detail: detailOf(facts),
  reason: facts.reason,
  ...facts.fields,
  request_id: requestId
})

const render = (
  facts: Facts,
  requestId: string,
  headers: Record<string, string>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(bodyOf(facts, requestId), {
    status: facts.http,
    contentType: ProblemDetails.contentType,
    headers
  })

/** The cause of an outage is told to the log, which knows the request id, and to nobody else. */
const note = (refusal: Refusal): Effect.Effect<void> =>
  refusal._tag === "Unavailable"
    ? Effect.logWarning(
        `Unavailable: ${refusal.what}`,
        ...(refusal.cause === undefined ? [] : [refusal.cause])
      )
    : Effect.void

/** The answer to a refused request. */
export const respond = (refusal: Refusal): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const wire = toWire(refusal)
  return Effect.andThen(
    note(refusal),
    Effect.map(RequestId, (id) => render(wire, id, headersOf(wire)))
  )
}

const factsOf = (status: number): Facts => {
  const known = isHttpOnly(status) ? status : status < 500 ? 400 : 500
  return { ...httpOnly[known], http: status, fields: {} }
}

/** The answer where only a status is known. */
export const respondStatus = (
  status: number,
  headers: Record<string, string> = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(RequestId, (id) => render(factsOf(status), id, headers))

/** The same as a body only, for what is refused before it is a request. */
export const statusBody = (status: number, requestId: string): string =>
  JSON.stringify(bodyOf(factsOf(status), requestId))

/** Turns a handler's refusals into their answers. What it may refuse with is checked by the compiler. */
export const answerRefusals = <A, R>(
  handler: Effect.Effect<A, Refusal, R>
): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> => Effect.catch(handler, respond)
