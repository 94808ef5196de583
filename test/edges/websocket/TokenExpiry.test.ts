/** A connection and its token: told in time that it expires, gone on with a newer one, or closed. Both transports. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { UserBlocked } from "../../../src/domain/Errors.ts"
import { Admission } from "../../../src/domain/ports/Admission.ts"
import * as NoLimits from "../../support/NoLimits.ts"
import { isEvent, open, type RawSocket } from "./RawSocket.ts"
import { type SocketServer, start, userId } from "./SocketServer.ts"

const ME = `user:${userId("alice")}`
const options = { idleTimeout: Duration.hours(10) }

const pass = (seconds: number) => TestClock.adjust(Duration.seconds(seconds))

/** What a refresh is answered. */
const refresh = Effect.fnUntraced(function* (socket: RawSocket, payload: unknown) {
  const ref = crypto.randomUUID()
  socket.send("1", ref, ME, "refresh_token", payload)
  const frame = yield* socket.frames.next({ where: (frame) => Array.isArray(frame) && frame[1] === ref })
  return (frame as ReadonlyArray<unknown>)[4]
})

const alice = Effect.fnUntraced(function* (server: SocketServer, token: string) {
  const socket = yield* open(server, { query: `token=${token}&vsn=2.0.0` })
  yield* socket.join(ME)
  return socket
})

const told = (socket: RawSocket) => socket.frames.all.filter(isEvent("token_expiring"))

describe("A connection whose token expires", () => {
  it.effect("is told so once, two minutes before, and closed when the clock's skew is over, too", () =>
    Effect.gen(function* () {
      const server = yield* start(options)
      const socket = yield* alice(server, "alice:phone:600")
      yield* pass(475)
      yield* socket.settle()
      assert.deepStrictEqual(told(socket), [])
      yield* pass(5)
      const warning = yield* socket.frames.next({ where: isEvent("token_expiring") })
      assert.deepStrictEqual(warning, ["1", null, ME, "token_expiring", { expires_in: 120 }])
      yield* pass(175)
      yield* socket.settle("again")
      assert.deepStrictEqual(told(socket), [warning])
      assert.strictEqual(socket.closes.all.length, 0)
      yield* pass(5)
      assert.deepStrictEqual(yield* socket.closes.next(), { code: 1008, reason: "token_expired" })
    })
  )

  it.effect("is told when it joins its user channel late", () =>
    Effect.gen(function* () {
      const server = yield* start(options)
      const socket = yield* open(server, { query: "token=alice:phone:60&vsn=2.0.0" })
      yield* pass(30)
      yield* socket.join(ME)
      yield* pass(5)
      const [, , , , payload] = (yield* socket.frames.next({
        where: isEvent("token_expiring")
      })) as ReadonlyArray<unknown>
      assert.deepStrictEqual(payload, { expires_in: 25 })
    })
  )

  it.effect("goes on with a newer one, and is told again when that expires", () =>
    Effect.gen(function* () {
      const server = yield* start(options)
      const socket = yield* alice(server, "alice:phone:600")
      yield* pass(480)
      yield* socket.frames.next({ where: isEvent("token_expiring") })
      assert.deepStrictEqual(yield* refresh(socket, { token: "alice:phone:1200" }), {
        status: "ok",
        response: { expires_at: "1970-01-01T00:20:00.000Z" }
      })
      yield* pass(540)
      yield* socket.settle()
      assert.strictEqual(told(socket).length, 1)
      yield* pass(60)
      yield* socket.frames.next({ where: isEvent("token_expiring") })
      yield* pass(180)
      assert.deepStrictEqual(yield* socket.closes.next(), { code: 1008, reason: "token_expired" })
    })
  )

  it.effect("does not go on as somebody else, on another device, or with a token that is refused", () =>
    Effect.gen(function* () {
      const server = yield* start(options)
      const socket = yield* alice(server, "alice:phone:600")
      const refused = {
        status: "error",
        response: { reason: "forbidden", rule: "token:same_user_and_device" }
      }
      assert.deepStrictEqual(yield* refresh(socket, { token: "bob:phone:9999" }), refused)
      assert.deepStrictEqual(yield* refresh(socket, { token: "alice:laptop:9999" }), refused)
      assert.deepStrictEqual(yield* refresh(socket, { token: "expired" }), {
        status: "error",
        response: { reason: "token_expired" }
      })
      assert.deepInclude((yield* refresh(socket, {})) as object, { status: "error" })
      yield* pass(660)
      assert.deepStrictEqual(yield* socket.closes.next(), { code: 1008, reason: "token_expired" })
    })
  )

  it.effect(
    "counts a bad one against its address, on record, and looks at none any more past the limit",
    () =>
      Effect.gen(function* () {
        const distrusted: Array<string> = []
        const until = Date.UTC(2026, 0, 1)
        const server = yield* start({
          ...options,
          admission: Layer.succeed(Admission, {
            ...NoLimits.admission,
            distrust: (address) => void distrusted.push(address),
            arrival: () =>
              distrusted.length < 2 ? Result.succeed(undefined) : Result.fail(new UserBlocked({ until }))
          })
        })
        const socket = yield* alice(server, "alice:phone:600")
        const refused = (reason: string) => ({ status: "error", response: { reason } })
        assert.deepStrictEqual(yield* refresh(socket, { token: "signature" }), refused("token_signature"))
        assert.deepStrictEqual(yield* refresh(socket, { token: "expired" }), refused("token_expired"))
        assert.deepStrictEqual(distrusted, ["127.0.0.1"])
        yield* refresh(socket, { token: "signature" })
        assert.deepInclude((yield* refresh(socket, { token: "alice:phone:1200" })) as object, {
          response: { reason: "blocked", until: "2026-01-01T00:00:00.000Z" }
        })
        const noted = yield* server.audit.read({ action: "token.refused", limit: 10 })
        assert.deepStrictEqual(
          noted.map(({ address, details }) => [address, details?.reason]),
          [
            ["127.0.0.1", "signature"],
            ["127.0.0.1", "expired"],
            ["127.0.0.1", "signature"]
          ]
        )
      })
  )

  it.effect("ends its long-poll, too", () =>
    Effect.gen(function* () {
      const server = yield* start({ ...options, window: "1 hour" })
      const get = (query: string) =>
        Effect.promise(async () => {
          const response = await fetch(`http://127.0.0.1:${server.port}/socket/longpoll?vsn=2.0.0&${query}`)
          return (await response.json()) as { readonly status: number; readonly token: string }
        })
      const { token } = yield* get("token=alice:phone:600")
      assert.strictEqual(server.sessions.count(), 1)
      yield* pass(655)
      assert.strictEqual(server.sessions.count(), 1)
      yield* pass(5)
      assert.strictEqual((yield* get(`token=${token}`)).status, 500)
    })
  )
})
