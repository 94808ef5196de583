import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { setTimeout } from "node:timers"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as Endpoint from "../../src/edges/Endpoint.ts"

const unexpected = (): void => assert.fail("nobody asked for this")

describe("Endpoint", () => {
  it.live("answers a plain GET of the socket's path in its turn", () =>
    Effect.gen(function* () {
      const { port } = yield* Endpoint.listen({
        host: "127.0.0.1",
        port: 0,
        sharedPort: false,
        headersTimeout: Duration.seconds(5),
        requestTimeout: Duration.seconds(5),
        // Answered when the second request has been read and, if it is not kept waiting, answered.
        onRequest: (_, response) => void setTimeout(() => response.end("the first"), 50),
        onLongPoll: unexpected,
        upgrades: {},
        onClientError: unexpected
      })
      const answers = yield* Effect.promise(() => {
        const socket = connect(port, "127.0.0.1")
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /socket/websocket HTTP/1.1\r\nHost: x\r\n\r\n")
        return text(socket)
      })
      assert.match(
        answers,
        /^HTTP\/1\.1 200 OK\r\n.*the first.*HTTP\/1\.1 400 Bad Request\r\n.*"reason":"not_a_websocket_request"/s
      )
    })
  )
})
