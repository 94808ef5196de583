/**
 * `Idempotency-Key` on every POST (draft-ietf-httpapi-idempotency-key-header): a request that succeeded under a key is
 * not run again, its answer is given again, on whichever node the retry arrives. What was refused has done nothing, and
 * is run again when it is asked again.
 *
 * What runs under a key runs to its end, whether or not its client waits for it: the retry finds the answer. Should
 * a node die in the middle, the request is run again once its lease is over, and what it creates is created under the
 * id that was decided with the first attempt: nothing is there twice.
 */
import { hash } from "node:crypto"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { Conflict, InvalidInput } from "../../domain/Errors.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import {
  type Claimed,
  IdempotencyStore,
  type KeptAnswer,
  type KeyedRequest
} from "../../domain/ports/IdempotencyStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { CurrentIdentity } from "./Authorization.ts"
import { respond, respondStatus } from "./Problem.ts"

export const HEADER = "idempotency-key"
export const MAX_KEY = 255

/** Marks an answer that was given before. */
const REPLAYED = { "idempotency-replayed": "true" }

/** What of an answer's head belongs to what was done, and not to the request that did it. */
const KEPT_HEADERS = ["location", "etag", "content-type"]

/** Larger answers are not kept: a retry of such a request runs, which creates nothing twice either. */
const MAX_KEPT_BODY = 16 * 1024

/**
 * Annotates endpoints whose requests may run as often as one likes, and answer what there is then: of those a key
 * remembers only which request it names.
 */
export const RunsAgain = Context.Reference<boolean>("messaging-service/edges/rest/RunsAgain", {
  defaultValue: () => false
})

const CreationId = Context.Reference<string | undefined>("messaging-service/edges/rest/CreationId", {
  defaultValue: () => undefined
})

/** The id for what this request creates; `undefined` where it came without a key. */
export const newId = Effect.map(CreationId, (id) => id as ConversationId | undefined)

type Response = HttpServerResponse.HttpServerResponse

const invalidKey = new InvalidInput({
  issues: [{ path: HEADER, message: `Expected 1 to ${MAX_KEY} characters` }]
})

const underWay = new Conflict({ what: "a request under this Idempotency-Key is under way" })

const digestOf = (request: HttpServerRequest.HttpServerRequest, body: ArrayBuffer): string =>
  hash(
    "sha256",
    Buffer.concat([
      Buffer.from(`${request.method} ${request.url}\n${request.headers["content-type"] ?? ""}\n`),
      Buffer.from(body)
    ]),
    "base64"
  )

/** The answer as it is kept; `undefined` for one that is not. */
const toKept = ({ body, headers, status }: Response): KeptAnswer | undefined => {
  if (status >= 300) return undefined
  const kept = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => (headers[name] ? [[name, headers[name]]] : []))
  )
  if (body._tag === "Empty") return { status, headers: kept, body: null }
  if (body._tag !== "Uint8Array" || body.body.byteLength > MAX_KEPT_BODY) return undefined
  return {
    status,
    headers: { "content-type": body.contentType, ...kept },
    body: Buffer.from(body.body).toString()
  }
}

const replay = ({ body, headers, status }: KeptAnswer): Response =>
  body === null
    ? HttpServerResponse.empty({ status, headers: { ...headers, ...REPLAYED } })
    : HttpServerResponse.text(body, {
        status,
        contentType: headers["content-type"] ?? "application/json",
        headers: { ...headers, ...REPLAYED }
      })

export class Idempotency extends HttpApiMiddleware.Service<Idempotency, { requires: CurrentIdentity }>()(
  "messaging-service/edges/rest/Idempotency"
) {}

export const layer = Layer.effect(
  Idempotency,
  Effect.gen(function* () {
    const store = yield* IdempotencyStore
    const admission = yield* Admission
    const scope = yield* Effect.scope

    const settle = (request: KeyedRequest, claimed: Claimed, answer: KeptAnswer | undefined) =>
      Effect.catch(store.settle(request, claimed, answer), (error) =>
        Effect.logWarning("The answer under an Idempotency-Key could not be kept", error)
      )

    return Idempotency.of((handler, { endpoint }) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const key = request.headers[HEADER]
        if (key === undefined || request.method !== "POST") return yield* handler
        if (key === "" || key.length > MAX_KEY) return yield* respond(invalidKey)
        const identity = yield* CurrentIdentity
        const keyed: KeyedRequest = {
          userId: identity.userId,
          key,
          // A body that cannot be read is answered by the edge, as one without a key is.
          digest: digestOf(request, yield* Effect.orDie(request.arrayBuffer))
        }
        const runsAgain = Context.get(endpoint.annotations, RunsAgain)
        const claim = yield* Effect.result(
          Effect.andThen(wait(admission.act(identity, "keyed_request")), store.claim(keyed, !runsAgain))
        )
        if (claim._tag === "Failure") return yield* respond(claim.failure)
        switch (claim.success._tag) {
          case "Answered":
            return replay(claim.success.answer)
          case "Running":
            return yield* respond(underWay)
          case "Another":
            return yield* respondStatus(422)
          case "Claimed": {
            if (runsAgain) return yield* handler
            const claimed = claim.success
            const running = yield* handler.pipe(
              Effect.provideService(CreationId, claimed.id),
              Effect.onExit((exit) =>
                settle(keyed, claimed, Exit.isSuccess(exit) ? toKept(exit.value) : undefined)
              ),
              Effect.forkIn(scope)
            )
            return yield* Fiber.join(running)
          }
        }
      })
    )
  })
)
