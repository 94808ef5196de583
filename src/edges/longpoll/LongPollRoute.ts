/**
 * `/socket/longpoll`: sockets for clients whose network lets no WebSocket through. A GET opens a session or waits for
 * its frames, a POST brings frames. Phoenix's way: the HTTP status is always 200 and the real one in the JSON body.
 *
 * Sessions live in this process. A request of another's session is taken there (`PollRelay`); when that process is
 * gone, its client is told so in the way after which every version of it connects anew, and resumes.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { Cause, Duration, Effect, FiberSet, Redacted } from "effect"
import { UNDECODABLE } from "../../actors/session/Session.ts"
import { Sessions } from "../../actors/session/Sessions.ts"
import * as ConnectParams from "../../domain/protocol/ConnectParams.ts"
import type { Frame } from "../../domain/protocol/Frame.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import * as ClientAddress from "../ClientAddress.ts"
import { type Accepted, isAccepted, make as makeConnect } from "../websocket/Connect.ts"
import { type ConnectOptions, refuseOrigin } from "../websocket/Entrance.ts"
import { type HttpRefusal, noteRefused } from "../websocket/Refuse.ts"
import { answer, answerEmpty, answerPreflight } from "./Answer.ts"
import { decodeBody, readBody } from "./PollBody.ts"
import { isRelayed, make as makePollRelay } from "./PollRelay.ts"
import type { PollSession, Waiter } from "./PollSession.ts"
import { make as makePollSessions } from "./PollSessions.ts"
import { nodeOf, type Tokens, tokensOf } from "./SessionToken.ts"

export const PATH = "/socket/longpoll"

export interface LongPollOptions extends ConnectOptions {
  /** How long a GET waits for frames. Default 10 seconds. A session without a GET for 1.5 times this long ends. */
  readonly window?: Duration.Input
  /** Bytes of one POST; a larger one is answered 413. Default 8 000 000. */
  readonly maxPostBytes?: number
}

/** How many windows another process may take to answer, whose every poll ends with one. */
const RELAY_WINDOWS = 1.5

const OVERLOADED: HttpRefusal = { status: 503, reason: "overloaded", retryAfterSeconds: 1 }

/** A header that came more than once counts as its first. */
const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

const tokensIn = (request: IncomingMessage, params: URLSearchParams): Tokens =>
  tokensOf(headerOf(request, "x-phoenix-longpoll-token"), params)

/** The status that answers a POST: 200 when all frames were taken, 410 when the session ended over them. */
const publish = Effect.fnUntraced(function* (session: PollSession, frames: Iterable<Frame | undefined>) {
  for (const frame of frames) {
    yield* session.taking
    if (session.isClosed) return 410
    session.handle?.receive(frame ?? UNDECODABLE)
    if (frame === undefined) return 410
  }
  return 200
})

export const make = Effect.fnUntraced(function* (options: LongPollOptions) {
  const window = Duration.fromInputUnsafe(options.window ?? "10 seconds")
  const maxPostBytes = options.maxPostBytes ?? 8_000_000
  const connect = yield* makeConnect(options)
  const { isFull } = yield* Sessions
  const polled = yield* makePollSessions(Duration.times(window, 1.5))
  const { announce, forward } = yield* makePollRelay(polled.node, Duration.times(window, RELAY_WINDOWS))
  const run = yield* FiberSet.makeRuntime<never>()
  const addressOf = ClientAddress.make(options.trustedProxies ?? [])

  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    refusal: HttpRefusal
  ): Effect.Effect<void> => {
    const requestId = newId()
    const { fields, reason, retryAfterSeconds } = refusal
    response.setHeader("x-request-id", requestId)
    if (retryAfterSeconds !== undefined) response.setHeader("retry-after", retryAfterSeconds)
    for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value)
    answer(response, { status: 403, reason, ...fields, request_id: requestId })
    const address = addressOf(request)
    return noteRefused(refusal, { request_id: requestId, address, transport: "longpoll" })
  }

  const start = (
    accepted: Accepted,
    request: IncomingMessage,
    response: ServerResponse
  ): Effect.Effect<void> => {
    const session = polled.open(accepted)
    if (session === undefined) return refuse(request, response, OVERLOADED)
    return Effect.sync(() => answer(response, { status: 410, token: session.token, messages: [] }))
  }

  const listen = (session: PollSession, response: ServerResponse): void => {
    const { token } = session
    const giveUp = Effect.sync(() => {
      session.giveUp(waiter)
      answer(response, { status: 204, token, messages: [] })
    })
    const waiting = run(Effect.delay(giveUp, window))
    const waiter: Waiter = (polledNow) => {
      waiting.interruptUnsafe()
      if (polledNow !== "closed") return answer(response, { status: 200, token, ...polledNow })
      polled.forget(session)
      // Every version of the client reconnects and rejoins on this one; 1.7 would carry on after a 410.
      answer(response, { status: 500, token, messages: [] })
    }
    response.on("close", () => {
      waiting.interruptUnsafe()
      session.giveUp(waiter)
    })
    session.poll(waiter)
  }

  const onGet = (
    request: IncomingMessage,
    response: ServerResponse,
    session: PollSession | undefined
  ): Effect.Effect<void> => {
    if (session !== undefined) return Effect.sync(() => listen(session, response))
    const { headers, url } = request
    const params = ConnectParams.parse(url)
    const tokens = tokensIn(request, params)
    if (isFull()) return refuse(request, response, OVERLOADED)
    const text = headerOf(request, "x-phoenix-authtoken") ?? tokens.application
    const token = text === undefined ? undefined : Redacted.make(text)
    const address = addressOf(request)
    return Effect.flatMap(connect({ headers, params, address, token }), (decision) =>
      isAccepted(decision) ? start(decision, request, response) : refuse(request, response, decision)
    )
  }

  const onPost = (
    request: IncomingMessage,
    response: ServerResponse,
    session: PollSession | undefined
  ): Effect.Effect<void> => {
    if (session === undefined || session.isClosed) {
      return Effect.sync(() => answer(response, { status: 410 }))
    }
    return readBody(request, maxPostBytes).pipe(
      Effect.flatMap((body) => {
        if (body === "too_large") return Effect.succeed(413)
        const frames = decodeBody(body.text, request.headers["content-type"], session.serializer)
        return Effect.timeoutOrElse(publish(session, frames), {
          duration: window,
          orElse: () => Effect.succeed(408)
        })
      }),
      Effect.map((status) => answer(response, { status }))
    )
  }

  /** A session that this process has, or may open; or one that another has, or had. */
  const onSession = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> => {
    const token = tokensIn(request, ConnectParams.parse(request.url)).session
    const session = polled.find(token)
    const node = token === undefined ? undefined : nodeOf(token)
    const serve = request.method === "GET" ? onGet : onPost
    if (session !== undefined || node === undefined) return serve(request, response, session)
    const gone = Effect.sync(() =>
      answer(response, request.method === "GET" ? { status: 500, token, messages: [] } : { status: 410 })
    )
    if (isRelayed(request)) return gone
    if (node === polled.node) return serve(request, response, undefined)
    return Effect.flatMap(forward(node, request, response), (isAnswered) => (isAnswered ? Effect.void : gone))
  }

  const handle = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> => {
    const refusal = refuseOrigin(request.headers, options)
    if (refusal !== undefined) return refuse(request, response, refusal)
    switch (request.method) {
      case "GET":
      case "POST":
        return onSession(request, response)
      case "OPTIONS":
        return Effect.sync(() => answerPreflight(response, request.headers["access-control-request-headers"]))
      default:
        return Effect.sync(() => answerEmpty(response, 400))
    }
  }

  const onRequest: RequestListener = (request, response) => {
    run(
      Effect.suspend(() => handle(request, response)).pipe(
        Effect.catchCause((cause) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
          answer(response, { status: 500 })
          return Effect.logError("A long-poll request crashed", cause)
        })
      )
    )
  }
  return { onRequest, announce }
})
