/** Connections that are reset while their upgrade is being answered, on a path that we serve and on one that we do not. */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"

const ATTEMPTS = 40

const resetWhileUpgrading = (port: number, path: string) =>
  Effect.callback<void>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      const head = [
        `GET ${path} HTTP/1.1`,
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "",
        ""
      ]
      socket.write(head.join("\r\n"), () => socket.resetAndDestroy())
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.void))
  })

describe("A connection reset in the middle of an upgrade", () => {
  it.live("ends itself and nothing else, whatever path it asked for", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      for (const path of ["/no/such/path", "/socket/websocket?vsn=2.0.0&token=bad"]) {
        for (let i = 0; i < ATTEMPTS; i++) yield* resetWhileUpgrading(app.httpPort, path)
        const { status } = yield* Effect.promise(() => fetch(`${app.url}/health/live`))
        assert.strictEqual(status, 200, path)
      }
    })
  )
})
