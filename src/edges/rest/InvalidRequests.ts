/** Requests that do not decode: a 400 whose `issues` name the wrong fields of path, query or body. */
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiError, HttpApiMiddleware } from "effect/http-api"
import { MAX_ITEMS } from "../../domain/BoundedJson.ts"
import { refuseOverlong, toInvalid } from "../../domain/Decode.ts"
import { problems, respond } from "./Problem.ts"

/** In fewer bytes there are not so many items: each has a comma behind it. */
const HARMLESS_BYTES = 2 * MAX_ITEMS

/** Looked at before the body is decoded. What cannot be read is left to the decoder. */
const overlongBody = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { "content-length": length, "transfer-encoding": encoding } = request.headers
  if (encoding === undefined && Number(length ?? 0) < HARMLESS_BYTES) return undefined
  return refuseOverlong(yield* Effect.orElseSucceed(request.json, () => null))
})

/** An answer of ours that does not encode is our fault, not the caller's. */
const isOurFault = (error: HttpApiError.HttpApiSchemaError): boolean =>
  error.kind === "Body" || error.kind === "ResponseHeaders"

export class InvalidRequests extends HttpApiMiddleware.Service<InvalidRequests>()(
  "messaging-service/edges/rest/InvalidRequests",
  { error: problems(400) }
) {}

export const layer = Layer.succeed(InvalidRequests, (handler) =>
  Effect.flatMap(overlongBody, (refused) =>
    refused === undefined
      ? Effect.catch(handler, (error) => {
          if (!HttpApiError.HttpApiSchemaError.is(error)) return Effect.fail(error)
          return isOurFault(error) ? Effect.die(error) : respond(toInvalid(error.cause))
        })
      : respond(refused)
  )
)
