/** A socket opened with a ticket instead of a token, on one node and from one node to another. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as RedisServer from "../support/RedisServer.ts"

const connect = (app: AppProcess.RunningApp, ticket: string) =>
  PhoenixClient.connect({ url: app.wsUrl, params: { ticket } })

const ticketOf = (person: Chat.Person) =>
  Effect.map(
    person.rest.ok<{ readonly ticket: string; readonly expires_at: string }>(
      "POST",
      "/api/v1/socket-tickets"
    ),
    ({ ticket }) => ticket
  )

const refusalOf = (app: AppProcess.RunningApp, ticket: string) =>
  Effect.map(Effect.flip(connect(app, ticket)), ({ body, status }) => [status, JSON.parse(body).reason])

describe("A ticket", () => {
  it.live("connects its owner once, and nobody afterwards", () =>
    Effect.gen(function* () {
      const app = yield* AppProcess.start()
      const alice = yield* Chat.person(app)
      const ticket = yield* ticketOf(alice)
      const client = yield* connect(app, ticket)
      const joined = yield* client.join<{ readonly user_id: string }>(`user:${alice.user_id}`)
      assert.strictEqual(joined.reply.user_id, alice.user_id)
      assert.deepStrictEqual(yield* refusalOf(app, ticket), [401, "token_replayed"])
      assert.deepStrictEqual(yield* refusalOf(app, "made-up"), [401, "token_expired"])
    })
  )

  it.live("is good on any node", () =>
    Effect.gen(function* () {
      const postgres = yield* PostgresServer.make()
      const redis = yield* RedisServer.make()
      const env = { DATABASE_URL: yield* postgres.createDatabase(), REDIS_URL: redis.url }
      const here = yield* AppProcess.start({ env })
      const jwks = { JWT_JWKS_URL: `${here.url}/.well-known/jwks.json` }
      const there = yield* AppProcess.start({ env: { ...env, ...jwks } })
      yield* Effect.all([Nodes.hasRedis(here), Nodes.hasRedis(there)])
      const ticket = yield* ticketOf(yield* Chat.person(here))
      yield* connect(there, ticket)
      assert.deepStrictEqual(yield* refusalOf(here, ticket), [401, "token_replayed"])
    })
  )
})
