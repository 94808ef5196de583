/** What the gRPC server shows and asks for when a peer connects: nothing, its certificate, or certificates of both. */
import { readFile } from "node:fs/promises"
import { createSecureContext } from "node:tls"
import { ServerCredentials } from "@grpc/grpc-js"
import { Effect, Schema } from "effect"

/** A file of keys or certificates is not usable. `message` names its variable. */
export class TlsUnusable extends Schema.TaggedError<TlsUnusable>()("TlsUnusable", {
  message: Schema.String
}) {}

/** PEM files. Without `cert` there is no TLS; with `ca` every peer must show a certificate of its. */
export interface TlsFiles {
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly ca: string | undefined
}

const fail = (message: string) => new TlsUnusable({ message })

const read = (variable: string, path: string) =>
  Effect.tryPromise({
    try: () => readFile(path),
    catch: (error) => fail(`${variable} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  })

export const load = Effect.fnUntraced(function* ({ ca, cert, key }: TlsFiles) {
  if (cert === undefined || key === undefined) {
    if (cert !== undefined) return yield* fail("GRPC_TLS_KEY must be set when GRPC_TLS_CERT is")
    if (key !== undefined || ca !== undefined) {
      return yield* fail(
        `GRPC_TLS_CERT must be set when ${key === undefined ? "GRPC_TLS_CA" : "GRPC_TLS_KEY"} is`
      )
    }
    return ServerCredentials.createInsecure()
  }
  const chain = yield* read("GRPC_TLS_CERT", cert)
  const privateKey = yield* read("GRPC_TLS_KEY", key)
  const authorities = ca === undefined ? undefined : yield* read("GRPC_TLS_CA", ca)
  // Node explains a bad file only when it is used; then the server would stand and refuse everybody.
  yield* Effect.try({
    try: () => createSecureContext({ cert: chain, key: privateKey, ...(authorities && { ca: authorities }) }),
    catch: (error) =>
      fail(`GRPC_TLS_CERT, GRPC_TLS_KEY and GRPC_TLS_CA do not fit: ${(error as Error).message}`)
  })
  const pair = { cert_chain: chain, private_key: privateKey }
  return ServerCredentials.createSsl(authorities ?? null, [pair], authorities !== undefined)
})
