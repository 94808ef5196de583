/**
 * `POST /rpc`: typed RPC over HTTP, messages as lines of JSON. Each request shows its own token, as for REST. A stream is
 * a connection as a socket is one: it takes a place, passes the limits of connections, and ends with its token. While
 * there is nothing to tell it sends an empty line now and then, so that nobody takes it for dead, and so that a reader
 * that is dead is noticed.
 */
import { Duration, Effect, Redacted, type Scope, Stream } from "effect"
import { HttpBody, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { FromClientEncoded } from "effect/rpc/RpcMessage"
import * as RpcServer from "effect/rpc/RpcServer"
import type { StreamEnd, StreamHost } from "../../actors/conversation/ConversationStream.ts"
import type { Transport } from "../../actors/session/Outbox.ts"
import { RpcSession } from "../../actors/session/RpcSession.ts"
import { Sessions } from "../../actors/session/Sessions.ts"
import { shownAt } from "../../actors/session/ShownTokens.ts"
import { StreamEnded } from "../../domain/ConversationEvent.ts"
import { InvalidInput, Overloaded, TokenRejected } from "../../domain/Errors.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { TokenVerifier } from "../../domain/ports/TokenVerifier.ts"
import { PATH } from "../../rpc/MessagingRpcs.ts"
import { ClientAddress, limitKey, placeOf } from "../ClientAddress.ts"
import { respond } from "../rest/Problem.ts"
import { Connection, type Rejection } from "./Connection.ts"
import { sealed } from "./Sealed.ts"

export interface HttpRouteOptions {
  /** A session of which nothing was heard for this long is closed. */
  readonly socketIdleTimeout: Duration.Duration
}

type Sign = () => void

const bearer = /^Bearer +(\S+)$/i
const missing = Effect.fail(new TokenRejected({ reason: "missing" }))
const overloaded = new Overloaded({ what: "connections" })

const misfit = (message: string) => new InvalidInput({ issues: [{ path: "", message }] })

/** Every request is answered: where there is no answer there was none. */
const noRequest = misfit("The body holds no request; each is one line of JSON, with its end")

/**
 * Messages in one body. Whoever may ask nothing is told so by each of them, and what cannot be decoded is answered before
 * anybody reads the answers, for as many of which there must be room.
 */
const MAX_MESSAGES = 16

const tooMany = misfit(`The body holds more than ${MAX_MESSAGES} messages`)

const hasTooMany = (text: string): boolean => {
  let lines = 0
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) {
    if (++lines > MAX_MESSAGES) return true
  }
  return false
}

const isEmpty = ({ body }: HttpServerResponse.HttpServerResponse): boolean =>
  body._tag === "Empty" || (body._tag === "Uint8Array" && body.body.length === 0)

const EMPTY_LINE = new TextEncoder().encode("\n")

/** Nothing goes through its outbox; when it is closed from our side, its streams end. */
const transportOf = (close: (reason: StreamEnd) => void): Transport => ({
  buffered: () => 0,
  write: () => true,
  onDrained: () => {},
  close: () => close(new StreamEnded({ reason: "interrupted" }))
})

export const make = Effect.fnUntraced(function* ({ socketIdleTimeout }: HttpRouteOptions) {
  const verifier = yield* TokenVerifier
  const audit = yield* AuditLog
  const admission = yield* Admission
  const sessions = yield* Sessions
  const http = yield* RpcServer.makeProtocolWithHttpEffect({ streamBufferSize: MAX_MESSAGES })
  const protocol = RpcServer.Protocol.of({
    ...http.protocol,
    send: (clientId, response) => http.protocol.send(clientId, sealed(response))
  })

  const verify = Effect.fnUntraced(function* (authorization: string | undefined, address: string) {
    const token = bearer.exec(authorization ?? "")?.[1]
    const verified = token === undefined ? missing : verifier.verify(Redacted.make(token))
    return { identity: yield* shownAt({ audit, admission }, placeOf(address), verified), sessionId: null }
  })

  /** A session for as long as the scope is open; `signs` are called whenever its reader has shown that it lives. */
  const open = Effect.fnUntraced(function* (
    identify: Connection["identify"],
    address: string,
    signs: Set<Sign>
  ): Effect.fn.Return<StreamHost, Rejection, Scope.Scope> {
    const { identity } = yield* identify
    if (sessions.isFull()) return yield* overloaded
    const source = limitKey(address)
    yield* wait(admission.connection(identity, source))
    const place = yield* sessions.admit(identity, source)
    let session: RpcSession | undefined
    const transport = transportOf((reason) => session?.endStreams(reason))
    const flow = { pause: () => {}, resume: () => {} }
    const handle = sessions.openWith<FromClientEncoded>({ identity, place, transport, flow }, (ground) => {
      session = new RpcSession({ ...ground, turn: sessions.turn, perform: () => Effect.void, maxStreams: 1 })
      return session
    })
    if (handle === undefined || session === undefined) return yield* overloaded
    signs.add(handle.touch)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        signs.delete(handle.touch)
        handle.closed()
      })
    )
    return session
  })

  const kept = (response: HttpServerResponse.HttpServerResponse, signs: Set<Sign>) => {
    const { body } = response
    if (body._tag !== "Stream") return response
    const lines = Stream.tick(Duration.divideUnsafe(socketIdleTimeout, 3)).pipe(
      Stream.map(() => {
        for (const sign of signs) sign()
        return EMPTY_LINE
      })
    )
    const all = Stream.merge(body.stream, lines, { haltStrategy: "left" })
    return HttpServerResponse.setBody(response, HttpBody.stream(all, body.contentType))
  }

  const serve = Effect.gen(function* () {
    const { headers, text } = yield* HttpServerRequest.HttpServerRequest
    // A body that cannot be read is answered by the edge.
    if (hasTooMany(yield* Effect.orDie(text))) return yield* respond(tooMany)
    const address = yield* ClientAddress
    const signs = new Set<Sign>()
    // A single-use token is good for all that one request asks.
    const identify = yield* Effect.cached(verify(headers.authorization, address))
    const connection: Connection = {
      identify,
      host: open(identify, address, signs),
      underWay: 0
    }
    const response = yield* Effect.provideService(http.httpEffect, Connection, connection)
    return isEmpty(response) ? yield* respond(noRequest) : kept(response, signs)
  })

  return { protocol, routes: HttpRouter.use((router) => router.add("POST", PATH, serve)) }
})
