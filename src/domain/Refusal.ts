/**
 * The one table from refusals to wires: a reason for channel replies, a status for HTTP, a code for gRPC, and
 * the fields a client may see. Edges read this table; none has a mapping of its own. What is not in `fields`
 * (causes, SQL, other people's data) never reaches a wire.
 */
import type { Refusal } from "./Errors.ts"

/** gRPC status numbers, as the protocol defines them. */
export const GrpcStatus = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  ABORTED: 10,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16
} as const

export interface WireRefusal {
  /** The `reason` of a channel reply, and the last segment of a problem's `type` over HTTP. */
  readonly reason: string
  readonly http: number
  readonly grpc: number
  /** One plain sentence for a person. */
  readonly title: string
  /** What a client may see beyond the reason, in wire form. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Seconds for a `Retry-After` header, rounded up. */
  readonly retryAfterSeconds?: number
  /** Further headers over HTTP. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * The headers of draft-ietf-httpapi-ratelimit-headers-10: the policy (`q` units per `w` seconds) and what is left of it
 * (`r` units, for `t` seconds).
 */
export const rateLimitHeaders = (limit: {
  readonly scope: string
  readonly max: number
  readonly windowMs?: number | undefined
  readonly remaining: number
  readonly resetMs: number
}): Readonly<Record<string, string>> => {
  const window = limit.windowMs === undefined ? "" : `;w=${Math.ceil(limit.windowMs / 1000)}`
  return {
    "ratelimit-policy": `"${limit.scope}";q=${limit.max}${window}`,
    ratelimit: `"${limit.scope}";r=${limit.remaining};t=${Math.ceil(limit.resetMs / 1000)}`
  }
}

/** A full queue drains in well under this; the answer asks clients to spread their retries over it. */
const OVERLOAD_RETRY_SECONDS = 1

type Row<E> = (error: E) => WireRefusal
type Table = { readonly [E in Refusal as E["_tag"]]: Row<E> }

const table: Table = {
  TokenRejected: (e) => ({
    reason: `token_${e.reason}`,
    http: 401,
    grpc: GrpcStatus.UNAUTHENTICATED,
    title: "The token was not accepted",
    fields: {}
  }),
  NotMember: () => ({
    reason: "not_member",
    http: 403,
    grpc: GrpcStatus.PERMISSION_DENIED,
    title: "Not a member of this conversation",
    fields: {}
  }),
  Forbidden: (e) => ({
    reason: "forbidden",
    http: 403,
    grpc: GrpcStatus.PERMISSION_DENIED,
    title: "Not allowed",
    fields: { rule: e.rule }
  }),
  UserBlocked: (e) => ({
    reason: "blocked",
    http: 403,
    grpc: GrpcStatus.PERMISSION_DENIED,
    title: "Temporarily blocked",
    fields: { until: new Date(e.until).toISOString() }
  }),
  NotFound: (e) => ({
    reason: "not_found",
    http: 404,
    grpc: GrpcStatus.NOT_FOUND,
    title: `There is no such ${e.what}`,
    fields: {}
  }),
  InvalidInput: (e) => ({
    reason: "invalid",
    http: 400,
    grpc: GrpcStatus.INVALID_ARGUMENT,
    title: "The input is not valid",
    fields: { issues: e.issues }
  }),
  ContentRejected: (e) => ({
    reason: "content_rejected",
    http: 422,
    grpc: GrpcStatus.INVALID_ARGUMENT,
    title: "The content is against the policy",
    fields: { rule: e.rule }
  }),
  MessageTooLarge: (e) => ({
    reason: "message_too_large",
    http: 413,
    grpc: GrpcStatus.INVALID_ARGUMENT,
    title: "The message is too large",
    fields: { limit: e.limit }
  }),
  RateLimited: (e) => ({
    reason: "rate_limited",
    http: 429,
    grpc: GrpcStatus.RESOURCE_EXHAUSTED,
    title: "Too many requests",
    fields: { scope: e.scope, limit: e.limit, retry_after_ms: e.retryAfterMs },
    retryAfterSeconds: Math.ceil(e.retryAfterMs / 1000),
    headers: rateLimitHeaders({
      scope: e.scope,
      max: e.limit,
      windowMs: e.windowMs,
      remaining: 0,
      resetMs: e.retryAfterMs
    })
  }),
  Conflict: (e) => ({
    reason: "conflict",
    http: 409,
    grpc: GrpcStatus.ABORTED,
    title: `Conflict: ${e.what}`,
    fields: {}
  }),
  Overloaded: () => ({
    reason: "overloaded",
    http: 503,
    grpc: GrpcStatus.RESOURCE_EXHAUSTED,
    title: "Too busy at this moment",
    fields: {},
    retryAfterSeconds: OVERLOAD_RETRY_SECONDS
  }),
  Unavailable: () => ({
    reason: "unavailable",
    http: 503,
    grpc: GrpcStatus.UNAVAILABLE,
    title: "Something this request needs does not answer",
    fields: {},
    retryAfterSeconds: OVERLOAD_RETRY_SECONDS
  })
}

/** How one refusal looks on every wire. */
export const toWire = (refusal: Refusal): WireRefusal => (table[refusal._tag] as Row<Refusal>)(refusal)
