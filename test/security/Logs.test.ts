/**
 * Nothing that is secret or private is in a log, however much is logged and whatever goes wrong. That no test's process
 * ever logs a token, a password in a URL, or the content of a message is seen to in `AppProcess`; here is what else must not
 * be there, and that everything is logged meanwhile.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

const CANARY = "canary-5c1f0e"

describe("The logs", () => {
  it.live("hold no content, no token, no ticket and no password", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.PostgresServer
      const url = new URL(server.url)
      url.password = `${CANARY}-password`
      const app = yield* AppProcess.start({
        env: {
          LOG_LEVEL: "trace",
          LOG_FORMAT: "json",
          DATABASE_URL: url.href,
          BLOCKED_WORDS: "unmentionable"
        }
      })
      const [alice, bob] = yield* Effect.all([Chat.person(app), Chat.person(app)])
      const id = yield* Chat.group(alice, bob)
      const path = `/api/v1/conversations/${id}`
      const post = (method: string, path: string, body?: unknown) =>
        alice.rest.request<{ readonly id: string; readonly ticket: string }>(method, path, body)
      const sent = yield* post("POST", `${path}/messages`, { content: `${CANARY} hi`, client_random: 1 })
      yield* post("PATCH", `${path}/messages/${sent.body.id}`, { content: `${CANARY} edited` })
      yield* post("PATCH", path, { metadata: { name: CANARY } })
      yield* post("POST", `${path}/messages`, { content: `${CANARY} unmentionable`, client_random: 2 })
      yield* post("POST", `${path}/messages`, { content: { [CANARY]: CANARY }, client_random: CANARY })
      yield* post("GET", `${path}/messages?limit=${CANARY}&secret=${CANARY}`)
      const {
        body: { ticket }
      } = yield* post("POST", "/api/v1/socket-tickets")
      for (const query of [
        `ticket=${ticket}`,
        `ticket=${ticket}`,
        `token=${alice.token}x`,
        `token=${CANARY}`
      ]) {
        yield* Effect.promise(() => fetch(`${app.url}/socket/longpoll?vsn=2.0.0&${query}`))
      }
      const socket = yield* Chat.connect(app, bob)
      const channel = yield* socket.join(`conversation:${id}`)
      yield* channel.push("send_message", { content: `${CANARY} there`, client_random: 1 })
      yield* Effect.exit(channel.push("send_message", { content: CANARY }))
      yield* Effect.exit(channel.push(CANARY, { content: CANARY }))
      yield* socket.sendText(`["1","1","conversation:${id}","send_message",{"content":"${CANARY}`)
      yield* server.kill9
      yield* post("POST", `${path}/messages`, { content: `${CANARY} lost`, client_random: 3 })
      yield* app.kill("SIGTERM")
      yield* app.exited
      const output = app.output()
      assert.include(output, "POST /api/v1/conversations", "the log is there")
      for (const secret of [
        CANARY,
        "unmentionable",
        ticket,
        alice.token,
        bob.token,
        alice.token.split(".")[2]!
      ]) {
        const at = output.indexOf(secret)
        assert.strictEqual(at, -1, output.slice(Math.max(0, at - 300), at + 100))
      }
    }).pipe(Effect.provide(PostgresServer.layer({ fsync: false })))
  )
})
