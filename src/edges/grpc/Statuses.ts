/** How gRPC says no: a status of the one table of refusals, with the reason and when to come back in its trailers. */
import { Metadata, type StatusObject, status } from "@grpc/grpc-js"
import { Cause } from "effect"
import { type Refusal, Unavailable } from "../../domain/Errors.ts"
import { toWire } from "../../domain/Refusal.ts"
import * as RetryInfo from "./RetryInfo.ts"

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
  const { fields, grpc, headers, reason, retryAfterSeconds, title } = toWire(refusal)
  const refused = make(grpc, detailsOf(refusal, title), { reason, ...headers })
  const waitMs = refusal._tag === "RateLimited" ? refusal.retryAfterMs : (retryAfterSeconds ?? 0) * 1000
  if (waitMs > 0) {
    // The name is gRPC's: its own retry policies obey it.
    refused.metadata.set("grpc-retry-pushback-ms", String(waitMs))
    refused.metadata.set(RetryInfo.KEY, RetryInfo.encode(grpc, refused.details, waitMs))
  }
  if (typeof fields.scope === "string") refused.metadata.set("scope", fields.scope)
  return refused
}

export const timedOut = (): StatusObject =>
  make(status.DEADLINE_EXCEEDED, "This took longer than a call may", { reason: "timeout" })

/** Of work that ended without an answer: it broke, or the server stops. What it was is for the log alone. */
export const ofCause = (cause: Cause.Cause<unknown>): StatusObject =>
  Cause.hasInterruptsOnly(cause)
    ? ofRefusal(new Unavailable({ what: "server" }))
    : make(status.INTERNAL, "Something went wrong on our side", { reason: "internal" })
