/** What reaches the port and is meant badly, byte by byte, on the service as it is deployed. */
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials, status } from "@grpc/grpc-js"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as TempDir from "../support/TempDir.ts"

/** Writes bytes, and answers all that comes back until the server closes the connection. */
const raw = (port: number, ...chunks: ReadonlyArray<string | Uint8Array>) =>
  Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1")
    let received = ""
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1")
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    for (const chunk of chunks) socket.write(chunk)
    return Effect.sync(() => socket.destroy())
  })

const lines = (...head: ReadonlyArray<string>) => `${head.join("\r\n")}\r\n\r\n`

/** The statuses of all answers on one connection. */
const statuses = (received: string) =>
  [...received.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status))

const CLOSE = "Connection: close"

describe("The HTTP port", () => {
  it.live("refuses requests that two servers could read differently, and reads nothing after them", () =>
    Effect.gen(function* () {
      const { httpPort } = yield* AppProcess.start()
      const smuggled = lines("GET /health/live HTTP/1.1", "Host: x", CLOSE)
      const isBehindHead: ReadonlyArray<string> = ["another coding", "a chunk of no size"]
      const post = ["POST /api/v1/conversations HTTP/1.1", "Host: x", "Content-Type: application/json"]
      for (const [what, request] of [
        [
          "length and chunks",
          lines(...post, "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n"
        ],
        ["two lengths", lines(...post, "Content-Length: 2", "Content-Length: 9") + "{}"],
        ["a list of lengths", lines(...post, "Content-Length: 2, 9") + "{}"],
        ["a signed length", lines(...post, "Content-Length: +2") + "{}"],
        ["chunks that are not last", lines(...post, "Transfer-Encoding: chunked, identity") + "0\r\n\r\n"],
        ["another coding", lines(...post, "Transfer-Encoding: xchunked") + "0\r\n\r\n"],
        ["a space before the colon", lines(...post, "Transfer-Encoding : chunked") + "0\r\n\r\n"],
        ["a folded header", lines(...post, "X: a\r\n b", "Content-Length: 2") + "{}"],
        ["bare line feeds", "GET /health/live HTTP/1.1\nHost: x\n\n"],
        ["a NUL in a header", lines("GET /health/live HTTP/1.1", "Host: x", "X: a\u0000b")],
        ["no host", lines("GET /health/live HTTP/1.1")],
        ["a chunk of no size", lines(...post, "Transfer-Encoding: chunked") + "zz\r\n"],
        ["another protocol", "\u0016\u0003\u0001\u0002\u0000\u0001"]
      ] as const) {
        const answers = statuses(yield* raw(httpPort, request + smuggled))
        assert.strictEqual(answers.length, 1, what)
        // What is wrong behind the head is not read where the head is refused already, and nothing after it either.
        assert.include(isBehindHead.includes(what) ? [400, 401] : [400], answers[0], what)
      }
      assert.deepStrictEqual(statuses(yield* raw(httpPort, smuggled)), [200], "it goes on serving")
    })
  )

  it.live("bounds heads, and cuts off who does not finish one", () =>
    Effect.gen(function* () {
      const { httpPort, url } = yield* AppProcess.start({
        env: { HEADERS_TIMEOUT: "400 millis", REQUEST_TIMEOUT: "800 millis" }
      })
      const long = "x".repeat(20_000)
      assert.deepStrictEqual(statuses(yield* raw(httpPort, lines(`GET /${long} HTTP/1.1`, "Host: x"))), [431])
      assert.deepStrictEqual(
        statuses(yield* raw(httpPort, lines("GET / HTTP/1.1", "Host: x", `X: ${long}`))),
        [431]
      )
      // Each of these waits until the server closes the connection.
      const slow = yield* Effect.all(
        [
          raw(httpPort),
          raw(httpPort, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
          raw(httpPort, "GET /socket/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"),
          raw(httpPort, `${lines("POST /dev/token HTTP/1.1", "Host: x", "Content-Length: 9")}{`)
        ],
        { concurrency: "unbounded" }
      )
      for (const received of slow.slice(1)) assert.deepStrictEqual(statuses(received), [408])
      assert.strictEqual((yield* Effect.promise(() => fetch(`${url}/health/live`))).status, 200)
    })
  )

  it.live(
    "gives out no file but its own, sends nobody elsewhere, and says what browsers may do with each answer",
    () =>
      Effect.gen(function* () {
        const { httpPort } = yield* AppProcess.start()
        const get = (path: string, method = "GET") =>
          raw(httpPort, lines(`${method} ${path} HTTP/1.1`, "Host: x", CLOSE))
        for (const path of [
          "/assets/../src/main.ts",
          "/assets/%2e%2e/src/main.ts",
          "/assets/%2e%2e%2fsrc%2fmain.ts",
          "/assets/..%5csrc%5cmain.ts",
          "/assets/....//src/main.ts",
          "/assets//etc/passwd",
          "/assets/%00",
          "/assets/vendor/../../package.json",
          "/../../../../etc/passwd",
          "//evil.example/%2e%2e",
          "/\\evil.example",
          "/%0d%0aLocation:%20//evil.example",
          "/api/v1/../../dev/token",
          "http://evil.example/nowhere"
        ]) {
          const received = yield* get(path)
          assert.include([400, 404], statuses(received)[0], path)
          assert.notMatch(received, /^location:/im, path)
          assert.notMatch(received, /root:|import |"dependencies"/, path)
        }
        for (const path of [
          "/",
          "/docs",
          "/health",
          "/api/openapi.json",
          "/nowhere",
          "/api/v1/conversations"
        ]) {
          const [head = ""] = (yield* get(path)).split("\r\n\r\n", 1)
          assert.match(head, /^x-content-type-options: nosniff$/im, path)
          assert.match(head, /^x-frame-options: DENY$/im, path)
          assert.match(head, /^referrer-policy: no-referrer$/im, path)
          assert.match(head, /^content-security-policy: .*frame-ancestors 'none'/im, path)
          assert.notMatch(head, /script-src[^;]*'unsafe-inline'|script-src[^;]*'unsafe-eval'/i, path)
          assert.notMatch(head, /^(server|x-powered-by):/im, path)
        }
        for (const method of ["TRACE", "TRACK", "DEBUG"]) {
          assert.include([400, 404, 405], statuses(yield* get("/", method))[0], method)
        }
        assert.deepStrictEqual(
          statuses(yield* raw(httpPort, lines("CONNECT evil.example:80 HTTP/1.1", "Host: x"))),
          []
        )
      })
  )

  it.live("inflates no body, and takes keys of prototypes for ordinary ones", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const [alice, bob] = yield* Effect.all([Chat.person(app), Chat.person(app)])
      const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 0x20))
      const inflated = yield* Effect.promise(() =>
        fetch(`${app.url}/api/v1/conversations`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${alice.token}`,
            "content-type": "application/json",
            "content-encoding": "gzip"
          },
          body: bomb
        })
      )
      assert.strictEqual(inflated.status, 400)

      const create = (metadata: string) =>
        Effect.promise(async () => {
          const response = await fetch(`${app.url}/api/v1/conversations`, {
            method: "POST",
            headers: { authorization: `Bearer ${alice.token}`, "content-type": "application/json" },
            body: `{"type":"group","member_ids":["${bob.user_id}"],"metadata":${metadata},"__proto__":{"is_active":false}}`
          })
          return { status: response.status, text: await response.text() }
        })
      for (const key of ["__proto__", "constructor", "prototype"]) {
        const answer = yield* create(`{"${key}":{"polluted":true,"name":"x"}}`)
        assert.include([201, 400], answer.status, key)
      }
      const after = yield* create("{}")
      assert.strictEqual(after.status, 201)
      assert.notInclude(after.text, "polluted")
      assert.deepInclude(JSON.parse(after.text), { metadata: {}, is_active: true })
    })
  )

  it.live("closes a socket that inflates to more than a frame may have", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start({
        env: { SOCKET_COMPRESSION: "true", MAX_FRAME_BYTES: "100000" }
      })
      const { token } = yield* app.token()
      const code = yield* Effect.callback<number>((resume) => {
        const ws = new WebSocket(`${app.wsUrl}/websocket?vsn=2.0.0&token=${token}`, {
          perMessageDeflate: true
        })
        ws.on("open", () => ws.send(" ".repeat(50_000_000)))
        ws.on("error", () => {})
        ws.on("close", (code) => resume(Effect.succeed(code)))
        return Effect.sync(() => ws.terminate())
      })
      assert.strictEqual(code, 1009)
    })
  )

  it.live("has nothing of development in production", () =>
    Effect.gen(function* () {
      const jwks = join(yield* TempDir.make("jwks"), "jwks.json")
      writeFileSync(jwks, JSON.stringify({ keys: [] }))
      const { grpcPort, url } = yield* AppProcess.start({
        env: { APP_ENV: "prod", HOST: "127.0.0.1", JWT_JWKS_FILE: jwks }
      })
      for (const [method, path] of [
        ["POST", "/dev/token"],
        ["GET", "/dev/token"],
        ["GET", "/.well-known/jwks.json"],
        ["POST", "/test/crash"]
      ] as const) {
        const { status } = yield* Effect.promise(() => fetch(`${url}${path}`, { method }))
        assert.strictEqual(status, 404, path)
      }
      const grpc = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure())
      const asked = Effect.callback<status | undefined>((resume) => {
        const same = (bytes: Buffer) => bytes
        grpc.makeUnaryRequest(
          "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
          same,
          same,
          Buffer.alloc(0),
          (error) => resume(Effect.succeed(error?.code))
        )
      })
      assert.strictEqual(yield* asked, status.UNIMPLEMENTED)
      grpc.close()
    })
  )
})
