/**
 * The REST edge on a real server of its own, over whatever services a test gives it. Tokens are names here:
 * `Bearer alice` is Alice. What stands behind the edge, and real tokens, are other tests' business.
 */
import { createHash } from "node:crypto"
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener
} from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Exit, Layer, Redacted, References, Scope } from "effect"
import { Conversations } from "../../../src/actors/conversation/Conversations.ts"
import { Reports } from "../../../src/actors/conversation/Reports.ts"
import { ScheduledMessages } from "../../../src/actors/conversation/ScheduledMessages.ts"
import { Statuses } from "../../../src/actors/conversation/Statuses.ts"
import { UserPresence } from "../../../src/actors/presence/UserPresence.ts"
import { SignIns } from "../../../src/actors/session/SignIns.ts"
import { Drafts } from "../../../src/actors/user/Drafts.ts"
import { Me } from "../../../src/actors/user/Me.ts"
import { TokenRejected } from "../../../src/domain/Errors.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import { type ConversationId, DeviceId, type MessageId, UserId } from "../../../src/domain/Ids.ts"
import type { Admission } from "../../../src/domain/ports/Admission.ts"
import { AuditLog } from "../../../src/domain/ports/AuditLog.ts"
import type { DevIssuer } from "../../../src/domain/ports/DevIssuer.ts"
import { Health, type HealthCheck } from "../../../src/domain/ports/Health.ts"
import { IdempotencyStore } from "../../../src/domain/ports/IdempotencyStore.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import * as DevRoutes from "../../../src/edges/rest/DevRoutes.ts"
import { type HttpEdgeOptions, listener } from "../../../src/edges/rest/HttpEdge.ts"
import * as RestApp from "../../../src/edges/rest/RestApp.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import * as MemoryConnectTickets from "../../../src/layers/memory/MemoryConnectTickets.ts"
import * as NoLimits from "../../support/NoLimits.ts"

/** The UUID of a name; the same name, the same UUID. */
export const uuidOf = (name: string): string => {
  const hex = createHash("sha256").update(name).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

export const userId = (name: string) => UserId.make(uuidOf(name))
export const conversationId = (name: string) => uuidOf(name) as ConversationId
export const messageId = (name: string) => uuidOf(name) as MessageId

export const identityOf = (name: string): Identity => ({
  userId: userId(name),
  deviceId: DeviceId.make("phone"),
  tokenId: "token",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: 3_600_000
})

const namedTokens = Layer.succeed(TokenVerifier, {
  verify: (token) => {
    const name = Redacted.value(token)
    return name === ""
      ? Effect.fail(new TokenRejected({ reason: "missing" }))
      : Effect.succeed(identityOf(name))
  }
})

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON, whatever its shape: the tests state it. */
  readonly json: unknown
}

export interface Call {
  readonly as?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is when it is text, else as JSON. */
  readonly body?: unknown
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One request. The path goes out as written: `fetch` would tidy `..` away. */
const send = (port: number, path: string, { as, body, headers, method }: Call): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body)
    const request = httpRequest({
      port,
      path,
      host: "127.0.0.1",
      method: method ?? (payload === undefined ? "GET" : "POST"),
      headers: {
        ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
        ...(payload === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      }
    })
    request.on("error", reject)
    request.on("response", (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk) => chunks.push(chunk))
      response.on("error", reject)
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8")
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) })
      })
    })
    request.end(payload)
  })

export interface Services {
  readonly conversations?: Partial<Conversations["Service"]>
  readonly drafts?: Partial<Drafts["Service"]>
  readonly scheduled?: Partial<ScheduledMessages["Service"]>
  readonly me?: Partial<Me["Service"]>
  readonly statuses?: Partial<Statuses["Service"]>
  readonly presence?: Partial<UserPresence["Service"]>
  readonly idempotency?: Partial<IdempotencyStore["Service"]>
  readonly verifier?: Layer.Layer<TokenVerifier>
  readonly admission?: Layer.Layer<Admission>
  readonly checks?: ReadonlyArray<HealthCheck>
  readonly devIssuer?: Layer.Layer<DevIssuer>
  readonly webRoot?: string
  readonly maxBodyBytes?: number
  readonly allowedOrigins?: HttpEdgeOptions["allowedOrigins"]
  readonly trustedProxies?: HttpEdgeOptions["trustedProxies"]
}

const listen = Effect.fnUntraced(function* (services: Services) {
  const rest = RestApp.routes({ webRoot: services.webRoot })
  const { allowedOrigins, trustedProxies } = services
  const options = {
    maxBodyBytes: services.maxBodyBytes ?? 64 * 1024,
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    ...(trustedProxies === undefined ? {} : { trustedProxies })
  }
  return services.devIssuer === undefined
    ? yield* listener(rest, options)
    : yield* listener(Layer.merge(rest, Layer.provide(DevRoutes.layer, services.devIssuer)), options)
})

const listening = (onRequest: RequestListener) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(onRequest)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return server
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** Serves as long as the scope is open. `stop` ends the edge behind the server, which goes on listening. */
export const start = Effect.fnUntraced(function* (services: Services = {}) {
  const edge = yield* Scope.fork(yield* Effect.scope)
  const recorded = yield* AuditLog.pipe(Effect.provide(MemoryAuditLog.layer))
  const audit = Layer.succeed(AuditLog, recorded)
  const onRequest = yield* listen(services).pipe(
    Scope.provide(edge),
    Effect.provide([
      Layer.mock(Conversations, { post: () => undefined, ...services.conversations }),
      Layer.mock(ScheduledMessages, services.scheduled ?? {}),
      Layer.mock(Me, services.me ?? {}),
      Layer.mock(Statuses, services.statuses ?? {}),
      Layer.mock(UserPresence, services.presence ?? {}),
      Layer.mock(Drafts, services.drafts ?? {}),
      services.verifier ?? namedTokens,
      MemoryConnectTickets.layer,
      Layer.mock(SignIns, {}),
      Layer.mock(Reports, {}),
      Layer.mock(IdempotencyStore, services.idempotency ?? {}),
      services.admission ?? NoLimits.layer,
      audit,
      Layer.succeed(Health, { checks: services.checks ?? [] })
    ]),
    // What is meant to fail here would fill the report.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
  const { port } = (yield* listening(onRequest)).address() as AddressInfo
  return {
    port,
    call: (path: string, call: Call = {}) => Effect.promise(() => send(port, path, call)),
    audit: recorded,
    stop: Scope.close(edge, Exit.void)
  }
})

/** `start`, for tests that only call. */
export const serve = (services?: Services) => Effect.map(start(services), ({ call }) => call)
