/** Scheduled messages in the whole service, over two nodes of which one is killed while it sends. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { ScheduledMessage } from "../../src/domain/Scheduled.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

interface Page {
  readonly items: ReadonlyArray<ScheduledMessage>
}

const inMillis = (millis: number) => new Date(Date.now() + millis).toISOString()

/** Still to come when the request arrives, however busy the machine is. */
const SOON = 5_000

/** Has the time of all of them come now, at once. */
const haveTimeCome = (databaseUrl: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql`UPDATE scheduled_messages SET scheduled_for = now(), attempt_at = now()`
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl) })))

describe("Scheduled messages", () => {
  it.live(
    "are sent at their time, changed or cancelled before, and judged by what holds when they are sent",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { SCHEDULE_INTERVAL: "50 millis" } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.group(alice, bob)
        const path = `/api/v1/conversations/${id}/scheduled-messages`
        const schedule = (who: Chat.Person, client_random: number, fields: object) =>
          who.rest.request<ScheduledMessage>("POST", path, {
            content: `${client_random}`,
            client_random,
            scheduled_for: inMillis(60_000),
            ...fields
          })
        const first = yield* schedule(alice, 1, { metadata: { a: 1 } })
        assert.deepStrictEqual([first.status, first.body.status], [201, "pending"])
        assert.deepStrictEqual((yield* schedule(alice, 1, {})).body, first.body)
        const cancelled = (yield* schedule(alice, 2, {})).body
        const mine = "/api/v1/scheduled-messages"
        assert.strictEqual(
          (yield* alice.rest.ok<ScheduledMessage>("DELETE", `${mine}/${cancelled.id}`)).status,
          "cancelled"
        )
        const refused = (yield* schedule(bob, 3, {})).body
        yield* alice.rest.ok("DELETE", `/api/v1/conversations/${id}/members/${bob.user_id}`)

        const changes = { content: "changed", scheduled_for: inMillis(SOON) }
        yield* alice.rest.ok("PATCH", `${mine}/${first.body.id}`, changes)
        yield* bob.rest.ok("PATCH", `${mine}/${refused.id}`, { scheduled_for: inMillis(SOON) })
        const settled = (who: Chat.Person, one: ScheduledMessage) =>
          Poll.until(
            Effect.map(who.rest.ok<ScheduledMessage>("GET", `${mine}/${one.id}`), (found) =>
              found.status === "pending" ? undefined : found
            )
          )
        const sent = yield* settled(alice, first.body)
        assert.strictEqual(sent.status, "sent")
        assert.deepInclude(yield* settled(bob, refused), { status: "failed", failure: "not_member" })
        const history = yield* Chat.history(alice, id)
        assert.deepStrictEqual(
          history.map((message) => [message.id, message.content, message.metadata]),
          [[sent.message_id, "changed", { a: 1 }]]
        )
        assert.deepStrictEqual(
          (yield* alice.rest.ok<Page>("GET", mine)).items.map((one) => one.status).sort(),
          ["cancelled", "sent"]
        )

        const status = (who: Chat.Person, method: string, at: string, body?: unknown) =>
          Effect.map(who.rest.request(method, at, body), (answer) => answer.status)
        assert.strictEqual(yield* status(bob, "GET", `${mine}/${sent.id}`), 404)
        assert.strictEqual(yield* status(alice, "DELETE", `${mine}/${sent.id}`), 409)
        assert.strictEqual((yield* schedule(bob, 4, {})).status, 403)
        for (const scheduled_for of [inMillis(-1), "tomorrow", inMillis(400 * 86_400_000), "2027-01-01"]) {
          assert.strictEqual((yield* schedule(alice, 5, { scheduled_for })).status, 400)
        }
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "are sent once each, though two nodes send them and one is killed meanwhile",
    () =>
      Effect.gen(function* () {
        const COUNT = 100
        const { env, postgres } = yield* Nodes.ground({
          SCHEDULE_INTERVAL: "20 millis",
          SCHEDULE_BATCH: "10",
          WORK_LEASE: "1 second"
        })
        const [one, two] = [yield* AppProcess.start({ env }), yield* AppProcess.start({ env })]
        const alice = yield* Chat.person(one)
        const [id, other] = [yield* Chat.group(alice), yield* Chat.group(alice)]
        const here = Chat.at(two, alice)
        const scheduled_for = inMillis(60_000)
        yield* Effect.forEach(
          Array.from({ length: COUNT }, (_, n) => n),
          (n) =>
            here.rest.ok("POST", `/api/v1/conversations/${n % 2 === 0 ? id : other}/scheduled-messages`, {
              content: `${n}`,
              client_random: n,
              scheduled_for
            }),
          { concurrency: 8 }
        )
        yield* haveTimeCome(postgres.url)
        yield* Poll.until(
          Effect.map(Chat.history(here, id), (messages) => messages.length > 0),
          { every: 5 }
        )
        yield* one.kill()
        const list = here.rest.ok<Page>("GET", "/api/v1/scheduled-messages?limit=200")
        const all = yield* Poll.until(
          Effect.map(list, ({ items }) =>
            items.every(({ status }) => status === "sent") ? items : undefined
          ),
          { deadline: 30_000 }
        )
        const history = [...(yield* Chat.history(here, id)), ...(yield* Chat.history(here, other))]
        assert.strictEqual(history.length, COUNT)
        assert.strictEqual(new Set(history.map((message) => message.content)).size, COUNT)
        assert.sameMembers(
          all.map((scheduled) => scheduled.message_id),
          history.map((message) => message.id)
        )
      }).pipe(Effect.scoped),
    120_000
  )
})
