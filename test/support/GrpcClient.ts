/** A peer that calls over gRPC, in tests: one connection, typed by the contracts. */
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError
} from "@grpc/grpc-js"
import { Deferred, Effect } from "effect"
import type { Services } from "../../proto/Contracts.ts"
import { FILES, load } from "../../proto/Proto.ts"

const contracts = load(...FILES)

export interface GrpcClientOptions {
  readonly port: number
  /** Default 127.0.0.1, which is not possible over TLS: certificates are of names. */
  readonly host?: string
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials
}

export interface CallContext {
  readonly token?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly deadline?: number
}

type Method<S extends keyof Services, M extends keyof Services[S]> = Services[S][M] & {
  readonly request: unknown
  readonly response: unknown
}

const toMetadata = ({ metadata = {}, token }: CallContext): Metadata => {
  const out = new Metadata()
  if (token !== undefined) out.set("authorization", `Bearer ${token}`)
  for (const [name, value] of Object.entries(metadata)) out.set(name, value)
  return out
}

/** What a call came to: its answer, and what the server sent before it. */
export interface Called<A> {
  readonly response: A
  readonly head: Metadata
}

export interface GrpcClient {
  /** A field that is left out has its default. Interruption cancels the call. */
  readonly call: <S extends keyof Services, M extends keyof Services[S] & string>(
    service: S,
    method: M,
    request: Partial<Method<S, M>["request"]>,
    context?: CallContext
  ) => Effect.Effect<Called<Method<S, M>["response"]>, ServiceError>
}

export const connect = Effect.fnUntraced(function* (options: GrpcClientOptions) {
  const client = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Client(
          `${options.host ?? "127.0.0.1"}:${options.port}`,
          options.credentials ?? credentials.createInsecure()
        )
    ),
    (client) => Effect.sync(() => client.close())
  )
  const call: GrpcClient["call"] = <S extends keyof Services, M extends keyof Services[S] & string>(
    service: S,
    method: M,
    request: Partial<Method<S, M>["request"]>,
    context: CallContext = {}
  ) => {
    const definition = (contracts[service] as Record<string, MethodDefinition<unknown, unknown>>)[method]!
    const callOptions: CallOptions =
      context.deadline === undefined ? {} : { deadline: Date.now() + context.deadline }
    return Effect.gen(function* () {
      const head = yield* Deferred.make<Metadata>()
      const response = yield* Effect.callback<unknown, ServiceError>((resume) => {
        const under = client.makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          request,
          toMetadata(context),
          callOptions,
          (error, answer) => resume(error === null ? Effect.succeed(answer) : Effect.fail(error))
        )
        under.on("metadata", (metadata) => Deferred.doneUnsafe(head, Effect.succeed(metadata)))
        return Effect.sync(() => under.cancel())
      })
      return { response: response as Method<S, M>["response"], head: yield* Deferred.await(head) }
    })
  }
  return { call } satisfies GrpcClient
})
