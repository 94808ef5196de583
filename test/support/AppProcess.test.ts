import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "./AppProcess.ts"
import * as PhoenixClient from "./PhoenixClient.ts"
import * as TempDir from "./TempDir.ts"

describe("AppProcess", () => {
  it.live("starts the server on free ports and gives tokens that open sockets", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const health = yield* Effect.promise(() => fetch(`${app.url}/health/live`))
      assert.strictEqual(health.status, 200)
      const { token, user_id } = yield* app.token()
      const client = yield* PhoenixClient.connect({ url: app.wsUrl, params: { token } })
      const user = yield* client.join<{ readonly user_id: string }>(`user:${user_id}`)
      assert.strictEqual(user.reply.user_id, user_id)
    })
  )

  it.live("starts again on the same data after SIGKILL, and ends with exit code 0 on SIGTERM", () =>
    Effect.gen(function* () {
      const env = { DATA_DIR: `${yield* TempDir.make()}/data` }
      const first = yield* AppProcess.start({ env })
      yield* first.kill()
      assert.deepStrictEqual(yield* first.exited, { code: null, signal: "SIGKILL" })
      const second = yield* AppProcess.start({ env })
      yield* second.kill("SIGTERM")
      assert.deepStrictEqual(yield* second.exited, { code: 0, signal: null })
    })
  )

  it.live("fails with what the server wrote when it does not start", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(AppProcess.start({ env: { PORT: "no number" } }))
      assert.match(error.message, /PORT/)
    })
  )
})
