/** How gRPC says no: a status of the one table of refusals, with the reason and when to come back in its trailers. */
import { Metadata, type StatusObject, status } from "@grpc/grpc-js"
import { Cause } from "effect"
import { type Refusal, Unavailable } from "../../domain/Errors.ts"
import { toWire } from "../../domain/Refusal.ts"

/** A status that is not OK. Its `reason` trailer is the same word that channels and REST answer with. */
const make = (code: status, details: string, trailers: Readonly<Record<string, string>>): StatusObject => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value)
  return { code, details, metadata }
}

const detailsOf = (refusal: Refusal, title: string): string =>
  refusal._tag === "InvalidInput"
    ? refusal.issues.map(({ message, path }) => (path === "" ? message : `${path}: ${message}`)).join("; ")
    : title

export const ofRefusal = (refusal: Refusal): StatusObject => {
  const { fields, grpc, reason, retryAfterSeconds, title } = toWire(refusal)
  const seconds = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000
  const waitMs = fields.retry_after_ms ?? seconds
  return make(grpc, detailsOf(refusal, title), {
    reason,
    // The name is gRPC's: its own retry policies obey it.
    ...(waitMs === undefined ? {} : { "grpc-retry-pushback-ms": String(waitMs) })
  })
}

export const timedOut = (): StatusObject =>
  make(status.DEADLINE_EXCEEDED, "This took longer than a call may", { reason: "timeout" })

/** Of work that ended without an answer: it broke, or the server stops. What it was is for the log alone. */
export const ofCause = (cause: Cause.Cause<unknown>): StatusObject =>
  Cause.hasInterruptsOnly(cause)
    ? ofRefusal(new Unavailable({ what: "server" }))
    : make(status.INTERNAL, "Something went wrong on our side", { reason: "internal" })
