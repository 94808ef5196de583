/**
 * Answers to requests that no handler answered: unknown paths and methods, bodies that cannot be read, defects.
 * The cause goes to the log; what leaves is a problem document.
 */
import { Cause, Effect } from "effect"
import { HttpServerError, type HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"
import { MessageTooLarge, NotFound, Unavailable } from "../../domain/Errors.ts"
import { respond, respondStatus } from "./Problem.ts"
import type { AllowedMethods } from "./Routes.ts"

type Response = HttpServerResponse.HttpServerResponse

export interface FailureContext {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly allowed: AllowedMethods["Service"]
  readonly maxBodyBytes: number
}

/** The client went away: there is nobody to answer. */
export const isAbandoned = (cause: Cause.Cause<unknown>): cause is Cause.Cause<never> =>
  cause.reasons.length > 0 &&
  cause.reasons.every(
    (reason) => Cause.isInterruptReason(reason) && reason.annotations.has(HttpServerError.ClientAbort.key)
  )

const unroutable = ({ allowed, request }: FailureContext): Effect.Effect<Response> => {
  const methods = allowed.of(request.url)
  // The method is served where the path matches a pattern: what is missing is the file behind it.
  return methods.length === 0 || methods.includes(request.method)
    ? respond(new NotFound({ what: "resource" }))
    : respondStatus(405, { allow: methods.join(", ") })
}

/** The answer to a failure of the server itself. What a handler refuses with has been answered by then. */
export const answerFailure = (
  cause: Cause.Cause<unknown>,
  context: FailureContext
): Effect.Effect<Response> => {
  // The server stops in the middle of a request.
  if (Cause.hasInterruptsOnly(cause)) return respond(new Unavailable({ what: "server" }))
  const error = Cause.squash(cause)
  if (HttpServerResponse.isHttpServerResponse(error)) return asProblem(error)
  if (HttpServerError.isHttpServerError(error)) {
    const { reason } = error
    if (reason._tag === "RouteNotFound") return unroutable(context)
    if (reason._tag === "RequestParseError") {
      return reason.reason === "BodyTooLarge"
        ? respond(new MessageTooLarge({ limit: context.maxBodyBytes }))
        : respondStatus(400)
    }
  }
  return Effect.andThen(Effect.logError("A request failed", cause), respondStatus(500))
}

const isOurs = (response: Response): boolean => {
  const type = response.headers["content-type"]
  return type === ProblemDetails.contentType || type === "application/json"
}

/** Headers of a library's own error answer that are still true of ours. */
const KEPT = ["allow", "connection", "content-range"]

/** Error answers that a library made (an unsupported media type, an unmet precondition), in our form. */
export const asProblem = (response: Response): Effect.Effect<Response> => {
  if (response.status < 400 || isOurs(response)) return Effect.succeed(response)
  if (response.status === 404) return respond(new NotFound({ what: "resource" }))
  const kept = Object.entries(response.headers).filter(([name]) => KEPT.includes(name))
  return respondStatus(response.status, Object.fromEntries(kept))
}
