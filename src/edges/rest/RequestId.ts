/**
 * The id of one HTTP request: the caller's own when it is harmless to log and to echo, else a new one. It is in
 * the response's `x-request-id`, in every problem, and in every log entry of the request.
 */
import { randomUUID } from "node:crypto"
import { Context } from "effect"

export const HEADER = "x-request-id"

/** Anything that could forge a log line or a header is left out; UUIDs, ULIDs and trace ids pass. */
const acceptable = /^[A-Za-z0-9_.:-]{1,128}$/

export const RequestId = Context.Reference<string>("messaging-service/edges/rest/RequestId", {
  defaultValue: () => "-"
})

export const choose = (offered: string | undefined): string =>
  offered !== undefined && acceptable.test(offered) ? offered : randomUUID()
