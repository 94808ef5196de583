/** What the gRPC server offers beside MessagingService, and to whom it opens a connection. */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials, type MethodDefinition, type ServiceError, status } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { Effect } from "effect"
import { service as health } from "grpc-health-check"
import type { Finding } from "../../../src/domain/ports/Health.ts"
import * as Certificates from "../../support/Certificates.ts"
import * as GrpcClient from "../../support/GrpcClient.ts"
import * as TempDir from "../../support/TempDir.ts"
import { requireTool, tools } from "../../support/Tools.ts"
import { uuidOf } from "../rest/RestServer.ts"
import { serve } from "./GrpcEdge.ts"

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client(`127.0.0.1:${port}`, credentials.createInsecure())),
    (client) => Effect.sync(() => client.close())
  )

/** The first answer to a request, whether the method is a stream or not: on the wire they are alike. */
const ask = (client: Client, method: MethodDefinition<object, object>, request: object) =>
  Effect.callback<object, ServiceError>((resume) => {
    const { path, requestSerialize, responseDeserialize } = method
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    stream.on("error", (error: ServiceError) => resume(Effect.fail(error)))
    stream.on("data", (answer: object) => {
      resume(Effect.succeed(answer))
      stream.cancel()
    })
    stream.end(request)
  })

const method = (service: unknown, name: string) =>
  (service as Record<string, MethodDefinition<object, object>>)[name]!

describe("The health service", () => {
  const checkOf = (finding: Finding) => ({ name: "database", run: Effect.succeed(finding) })
  const statusOf = Effect.fnUntraced(function* (finding: Finding, service: string) {
    const { port } = yield* serve({ checks: [checkOf(finding)] })
    return yield* ask(yield* connect(port), method(health, "Check"), { service })
  })

  it.live("says whether this process can do its work, to anybody", () =>
    Effect.gen(function* () {
      for (const service of ["", "messaging.MessagingService"]) {
        assert.deepStrictEqual(yield* statusOf({ status: "degraded" }, service), { status: "SERVING" })
        assert.deepStrictEqual(yield* statusOf({ status: "down" }, service), { status: "NOT_SERVING" })
      }
      const unknown = yield* Effect.flip(statusOf({ status: "up" }, "unknown"))
      assert.strictEqual((unknown as ServiceError).code, status.NOT_FOUND)
    })
  )
})

/** Fails where a description is not what the protobuf compiler makes of the contract. */
const readDescriptions = `
import base64, sys
from google.protobuf import descriptor_pb2, descriptor_pool
pool = descriptor_pool.DescriptorPool()
for text in sys.argv[1:]:
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text)))
service = pool.FindServiceByName("messaging.MessagingService")
print(service.methods_by_name["NotifyConversationEvent"].input_type.fields_by_name["metadata"].message_type.full_name)
print(service.methods_by_name["GetConversationStats"].output_type.fields_by_name["stats"].message_type.full_name)
print(pool.FindServiceByName("grpc.health.v1.Health").methods_by_name["Check"].input_type.full_name)
`

describe("The reflection service", () => {
  const directory = dirname(createRequire(import.meta.url).resolve("@grpc/reflection"))
  const contract = (version: string) =>
    loadSync(join(directory, `../proto/grpc/reflection/${version}/reflection.proto`), { keepCase: true })[
      `grpc.reflection.${version}.ServerReflection`
    ]

  for (const version of ["v1", "v1alpha"]) {
    it.live(`${version} lists our services where it is switched on`, () =>
      Effect.gen(function* () {
        const list = method(contract(version), "ServerReflectionInfo")
        const on = yield* connect((yield* serve({ reflection: true })).port)
        const answer = yield* ask(on, list, { list_services: "" })
        const names = ["messaging.MessagingService", "grpc.health.v1.Health"]
        assert.deepInclude(answer, {
          list_services_response: { service: names.map((name) => ({ name })) }
        })
        const off = yield* connect((yield* serve({ reflection: false })).port)
        const error = yield* Effect.flip(ask(off, list, { list_services: "" }))
        assert.strictEqual(error.code, status.UNIMPLEMENTED)
      })
    )
  }

  it.live.skipIf(tools.grpcPython === undefined)(
    "describes them as the protobuf of other languages takes it",
    () =>
      Effect.gen(function* () {
        const client = yield* connect((yield* serve({ reflection: true })).port)
        const list = method(contract("v1"), "ServerReflectionInfo")
        const described: Array<string> = []
        for (const file_containing_symbol of ["messaging.MessagingService", "grpc.health.v1.Health"]) {
          const { file_descriptor_response } = (yield* ask(client, list, { file_containing_symbol })) as {
            readonly file_descriptor_response?: { readonly file_descriptor_proto: ReadonlyArray<Buffer> }
          }
          for (const file of file_descriptor_response?.file_descriptor_proto ?? [])
            described.push(file.toString("base64"))
        }
        const said = execFileSync(requireTool("grpcPython"), [
          "-c",
          readDescriptions,
          ...described
        ]).toString()
        assert.deepStrictEqual(said.trim().split("\n"), [
          "messaging.ConversationEventRequest.MetadataEntry",
          "messaging.ConversationStatsResponse.StatsEntry",
          "grpc.health.v1.HealthCheckRequest"
        ])
      })
  )
})

describe("TLS", () => {
  const calling = { conversations: { stats: () => Effect.succeed({ message_count: 1 }) } }

  const ask = (port: number, credentials: GrpcClient.GrpcClientOptions["credentials"], token?: string) =>
    Effect.flatMap(
      GrpcClient.connect({ port, host: "localhost", ...(credentials && { credentials }) }),
      ({ call }) =>
        call(
          "messaging.MessagingService",
          "GetConversationStats",
          { conversation_id: uuidOf("conversation") },
          { deadline: 5_000, ...(token === undefined ? {} : { token }) }
        )
    )

  const shown = (ca: string, peer?: Certificates.Certificate) =>
    peer === undefined
      ? credentials.createSsl(readFileSync(ca))
      : credentials.createSsl(readFileSync(ca), readFileSync(peer.key), readFileSync(peer.cert))

  it.live.skipIf(tools.openssl === undefined)("with a certificate of ours alone asks for a token", () =>
    Effect.gen(function* () {
      const ours = yield* Certificates.makeAuthority("ours")
      const { port } = yield* serve({ ...calling, tls: { ...ours.issue("messaging"), ca: undefined } })
      assert.isTrue((yield* ask(port, shown(ours.ca), "service")).response.success)
      assert.strictEqual((yield* Effect.flip(ask(port, shown(ours.ca)))).code, status.UNAUTHENTICATED)
      assert.strictEqual((yield* Effect.flip(ask(port, undefined, "service"))).code, status.UNAVAILABLE)
    })
  )

  it.live.skipIf(tools.openssl === undefined)("on both sides takes the peer's certificate for a token", () =>
    Effect.gen(function* () {
      const ours = yield* Certificates.makeAuthority("ours")
      const others = yield* Certificates.makeAuthority("others")
      const { port } = yield* serve({ ...calling, tls: { ...ours.issue("messaging"), ca: ours.ca } })
      assert.isTrue((yield* ask(port, shown(ours.ca, ours.issue("user-service")))).response.success)
      for (const stranger of [shown(ours.ca), shown(ours.ca, others.issue("user-service"))]) {
        assert.strictEqual((yield* Effect.flip(ask(port, stranger, "service"))).code, status.UNAVAILABLE)
      }
    })
  )

  it.live.skipIf(tools.openssl === undefined)("is refused by name where its files do not fit", () =>
    Effect.gen(function* () {
      const ours = yield* Certificates.makeAuthority("ours")
      const { cert, key } = ours.issue("messaging")
      const other = ours.issue("other")
      const nonsense = join(yield* TempDir.make("tls"), "nonsense.pem")
      writeFileSync(nonsense, "nonsense")
      const messageOf = (tls: Partial<Parameters<typeof serve>[0]["tls"]>) =>
        Effect.map(
          Effect.flip(serve({ tls: { cert: undefined, key: undefined, ca: undefined, ...tls } })),
          ({ message }) => message
        )
      assert.match(yield* messageOf({ cert }), /^GRPC_TLS_KEY must be set/)
      assert.match(yield* messageOf({ key }), /^GRPC_TLS_CERT must be set/)
      assert.match(yield* messageOf({ ca: ours.ca }), /^GRPC_TLS_CERT must be set/)
      assert.match(
        yield* messageOf({ cert, key: "/nowhere" }),
        /^GRPC_TLS_KEY \/nowhere cannot be read: ENOENT/
      )
      assert.match(yield* messageOf({ cert, key: other.key }), /do not fit/)
      assert.match(yield* messageOf({ cert: nonsense, key }), /do not fit/)
    })
  )
})
