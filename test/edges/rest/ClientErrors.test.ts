import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { text } from "node:stream/consumers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { listener } from "../../../src/edges/rest/ClientErrors.ts"

/**
 * Sends bytes to a server that has the listener, and answers all that comes back. Headers have so many milliseconds: only
 * those that never end may use them up.
 */
const exchange = Effect.fnUntraced(
  function* (bytes: string, headersTimeout: number) {
    const onClientError = yield* listener
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const options = { maxHeaderSize: 1024, headersTimeout, connectionsCheckingInterval: 10 }
        const server = createServer(options, (_, response) => response.end("served"))
        server.on("clientError", onClientError)
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return server
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    const { port } = server.address() as AddressInfo
    return yield* Effect.promise(() => {
      const socket = connect(port, "127.0.0.1")
      socket.write(bytes)
      return text(socket)
    })
  },
  Effect.provideService(References.MinimumLogLevel, "None")
)

describe("ClientErrors", () => {
  for (const [what, bytes, status, reason] of [
    ["what is no HTTP", "GARBAGE\r\n\r\n", 400, "bad_request"],
    [
      "an ambiguous length",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
      "bad_request"
    ],
    ["endless headers", `GET / HTTP/1.1\r\nX: ${"x".repeat(2000)}\r\n\r\n`, 431, "headers_too_large"],
    ["headers that never end", "GET / HTTP/1.1\r\nHost: x\r\n", 408, "request_timeout"]
  ] as const) {
    it.live(`answers ${what} with ${status} and a problem, and hangs up`, () =>
      Effect.gen(function* () {
        const [head = "", body = ""] = (yield* exchange(bytes, status === 408 ? 50 : 20_000)).split(
          "\r\n\r\n"
        )
        assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.match(head, /^content-type: application\/problem\+json$/im)
        assert.match(head, /^connection: close$/im)
        const id = /^x-request-id: (.+)$/im.exec(head)?.[1]
        assert.deepInclude(JSON.parse(body), { status, reason, request_id: id })
      })
    )
  }
})
