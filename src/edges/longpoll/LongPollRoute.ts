/**
 * `/socket/longpoll`: sockets for clients whose network lets no WebSocket through. A GET opens a session or waits for
 * its frames, a POST brings frames. Phoenix's way: the HTTP status is always 200 and the real one in the JSON body.
 *
 * Sessions live in this process. A request with the token of another node's session meets none here: its client is
 * told so (410), connects anew and resumes. Behind several nodes, route a client to one of them.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { Clock, Duration, Effect, Exit, FiberSet, Redacted } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import { UNDECODABLE } from "../../actors/Session.ts"
import { Sessions } from "../../actors/Sessions.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import type { Frame } from "../../domain/protocol/Frame.ts"
import {
  type Accepted,
  type ConnectOptions,
  isAccepted,
  make as makeConnect,
  refuseOrigin
} from "../websocket/Connect.ts"
import type { HttpRefusal } from "../websocket/Refuse.ts"
import { answer, answerEmpty, answerPreflight } from "./Answer.ts"
import { decodeBody, readBody } from "./PollBody.ts"
import { PollSession, type Waiter } from "./PollSession.ts"
import { makeSigner, type Tokens, tokensOf } from "./SessionToken.ts"

export const PATH = "/socket/longpoll"

export interface LongPollOptions extends ConnectOptions {
  /** How long a GET waits for frames. Default 10 seconds. A session without a GET for 1.5 times this long ends. */
  readonly window?: Duration.Input
  /** Bytes of one POST; a larger one is answered 413. Default 8 000 000. */
  readonly maxPostBytes?: number
}

const OVERLOADED: HttpRefusal = { status: 503, reason: "overloaded", retryAfterSeconds: 1 }

/** A header that came more than once counts as its first. */
const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

export const make = Effect.fnUntraced(function* (options: LongPollOptions) {
  const window = Duration.fromInputUnsafe(options.window ?? "10 seconds")
  const silence = Duration.times(window, 1.5)
  const connect = yield* makeConnect(options)
  const sessions = yield* Sessions
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime<never>()
  const signer = makeSigner()
  const open = new Map<string, PollSession>()
  const now = () => clock.currentTimeMillisUnsafe()

  const find = ({ session }: Tokens): PollSession | undefined => {
    const id = session === undefined ? undefined : signer.verify(session, now())
    return id === undefined ? undefined : open.get(id)
  }

  const endSilent = Effect.sync(() => {
    const deadline = now() - Duration.toMillis(silence)
    for (const session of open.values()) {
      if (session.lastPolledAt >= deadline) continue
      open.delete(session.id)
      session.close()
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.delay(endSilent, silence)))

  const refuse = (response: ServerResponse, refusal: HttpRefusal): Effect.Effect<void> => {
    const requestId = uuidV7Unsafe()
    const { fields, reason, retryAfterSeconds, status } = refusal
    response.setHeader("x-request-id", requestId)
    if (retryAfterSeconds !== undefined) response.setHeader("retry-after", retryAfterSeconds)
    answer(response, { status: 403, reason, ...fields, request_id: requestId })
    return Effect.logInfo("Long-poll refused").pipe(
      Effect.annotateLogs({ request_id: requestId, status, reason })
    )
  }

  const start = ({ identity, serializer }: Accepted, response: ServerResponse): Effect.Effect<void> => {
    const { id, token } = signer.issue(now())
    const session = new PollSession(id, token, serializer, now())
    const handle = sessions.open({ identity, serializer, transport: session, flow: session })
    if (handle === undefined) return refuse(response, OVERLOADED)
    session.handle = handle
    open.set(id, session)
    return Effect.sync(() => answer(response, { status: 410, token, messages: [] }))
  }

  const connected = (
    request: IncomingMessage,
    response: ServerResponse,
    params: URLSearchParams,
    token: string | undefined
  ) => {
    const { headers } = request
    return connect({
      headers,
      params,
      token: token === undefined ? undefined : Redacted.make(token)
    }).pipe(
      Effect.exit,
      Effect.flatMap((exit) => {
        if (Exit.isFailure(exit)) {
          answer(response, { status: 500 })
          return Effect.logError("A connection could not be decided", exit.cause)
        }
        return isAccepted(exit.value) ? start(exit.value, response) : refuse(response, exit.value)
      })
    )
  }

  const listen = (session: PollSession, response: ServerResponse): void => {
    const { token } = session
    session.lastPolledAt = now()
    session.handle?.touch()
    const waited = run(
      Effect.delay(
        Effect.sync(() => {
          session.giveUp(waiter)
          answer(response, { status: 204, token, messages: [] })
        }),
        window
      )
    )
    const waiter: Waiter = (polled) => {
      waited.interruptUnsafe()
      if (polled !== "closed") return answer(response, { status: 200, token, ...polled })
      open.delete(session.id)
      // Every version of the client reconnects and rejoins on this one; 1.7 would carry on after a 410.
      answer(response, { status: 500, token, messages: [] })
    }
    response.on("close", () => {
      waited.interruptUnsafe()
      session.giveUp(waiter)
    })
    session.poll(waiter)
  }

  const publish = (session: PollSession, frames: Iterable<Frame | undefined>) =>
    Effect.gen(function* () {
      for (const frame of frames) {
        yield* session.taking
        if (session.isClosed) return 410
        session.handle?.receive(frame ?? UNDECODABLE)
        if (frame === undefined) return 410
      }
      return 200
    }).pipe(Effect.timeoutOrElse({ duration: window, orElse: () => Effect.succeed(408) }))

  const onGet = (request: IncomingMessage, response: ServerResponse): void => {
    const params = ConnectParams.parse(request.url)
    const tokens = tokensOf(headerOf(request, "x-phoenix-longpoll-token"), params)
    const session = find(tokens)
    if (session !== undefined) return listen(session, response)
    if (sessions.isFull()) return void run(refuse(response, OVERLOADED))
    const token = headerOf(request, "x-phoenix-authtoken") ?? tokens.application
    run(connected(request, response, params, token))
  }

  const onPost = (request: IncomingMessage, response: ServerResponse): void => {
    const params = ConnectParams.parse(request.url)
    const session = find(tokensOf(headerOf(request, "x-phoenix-longpoll-token"), params))
    if (session === undefined || session.isClosed) return answer(response, { status: 410 })
    readBody(request, options.maxPostBytes ?? 8_000_000, (body) => {
      if (body === "gone") return
      if (body === "too_large") return answer(response, { status: 413 })
      const frames = decodeBody(body.text, request.headers["content-type"], session.serializer)
      run(Effect.map(publish(session, frames), (status) => answer(response, { status })))
    })
  }

  const onRequest: RequestListener = (request, response) => {
    const refusal = refuseOrigin(request.headers, options)
    if (refusal !== undefined) return void run(refuse(response, refusal))
    switch (request.method) {
      case "GET":
        return onGet(request, response)
      case "POST":
        return onPost(request, response)
      case "OPTIONS":
        return answerPreflight(response, request.headers["access-control-request-headers"])
      default:
        return answerEmpty(response, 400)
    }
  }
  return onRequest
})
