/** Reports in the whole service: of what one sees and nothing else, limited, on record, and read by operators. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import type { FiledReport, Report } from "../../src/domain/Report.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"

const REPORTS = "/api/v1/reports"

interface Filed {
  readonly items: ReadonlyArray<FiledReport>
  readonly next_cursor: string | null
}

interface Records {
  readonly items: ReadonlyArray<{
    readonly actor: string
    readonly targets: unknown
    readonly details: object
  }>
}

const report = (by: Chat.Person, type: string, id: string, more: object = {}) =>
  by.rest.request<Report>("POST", REPORTS, { target: { type, id }, reason: "spam", ...more })

describe("Reports", () => {
  it.live(
    "reach operators alone, with where and whose it was; what one cannot see is not there",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "on", RATE_LIMIT_REPORT: "8 per 1 day" } })
        const [alice, bob, mallory] = [
          yield* Chat.person(app),
          yield* Chat.person(app),
          yield* Chat.person(app)
        ]
        const admin = yield* Chat.person(app, { scope: "admin" })
        const id = yield* Chat.group(alice, bob)
        const said = yield* bob.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, {
          content: "canary-of-the-content",
          client_random: 1
        })

        const first = yield* report(alice, "message", said.id, { comment: "Look at this" })
        assert.strictEqual(first.status, 201)
        assert.match(first.headers.get("ratelimit")!, /^"report";r=7;/)
        const { created_at, id: reportId, ...shown } = first.body
        assert.deepStrictEqual<unknown>(shown, {
          target: { type: "message", id: said.id },
          reason: "spam",
          comment: "Look at this"
        })
        assert.strictEqual((yield* report(alice, "conversation", id)).status, 201)
        assert.strictEqual((yield* report(alice, "user", bob.user_id)).status, 201)

        for (const [type, target] of [
          ["message", said.id],
          ["conversation", id],
          ["user", alice.user_id],
          ["message", alice.user_id],
          ["conversation", alice.user_id]
        ] as const) {
          const answer = yield* report(mallory, type, target)
          assert.deepInclude(answer.body as object, { status: 404, reason: "not_found" }, type)
        }
        const hidden = `/api/v1/conversations/${id}/messages/${said.id}`
        yield* alice.rest.request("DELETE", hidden)
        assert.strictEqual((yield* report(alice, "message", said.id)).status, 404, "deleted for herself")
        for (const wrong of [
          { reason: "because" },
          { target: { type: "user", id: "bob" } },
          { comment: "x".repeat(2001) },
          { comment: "a\0b" },
          { target: { type: "user", id: alice.user_id } }
        ]) {
          const body = { target: { type: "user", id: bob.user_id }, reason: "spam", ...wrong }
          const answer = yield* alice.rest.request("POST", REPORTS, body)
          assert.strictEqual(answer.status, 400, JSON.stringify(wrong).slice(0, 50))
        }

        const admins = "/api/v1/admin/reports"
        assert.strictEqual((yield* alice.rest.request("GET", admins)).status, 403)
        const newest = yield* admin.rest.ok<Filed>("GET", `${admins}?limit=2`)
        const rest = yield* admin.rest.ok<Filed>("GET", `${admins}?limit=2&cursor=${newest.next_cursor}`)
        const filed = [...newest.items, ...rest.items]
        assert.deepStrictEqual(
          filed.map(({ target }) => target.type),
          ["user", "conversation", "message"]
        )
        assert.isNull(rest.next_cursor)
        assert.deepStrictEqual<unknown>(filed[2], {
          id: reportId,
          created_at,
          ...shown,
          reporter_id: alice.user_id,
          conversation_id: id,
          user_id: bob.user_id,
          version_seq: 1
        })
        assert.notInclude(JSON.stringify(filed), "canary")
        const ofBob = yield* admin.rest.ok<Filed>("GET", `${admins}?user_id=${bob.user_id}`)
        assert.lengthOf(ofBob.items, 2)
        assert.strictEqual((yield* admin.rest.request("GET", `${admins}?cursor=x`)).status, 400)

        const records = yield* Poll.until(
          Effect.map(
            admin.rest.ok<Records>("GET", "/api/v1/admin/audit?action=user.reported"),
            ({ items }) => items.length === 3 && items
          )
        )
        assert.deepInclude(records[2], {
          actor: alice.user_id,
          targets: [
            { type: "message", id: said.id },
            { type: "user", id: bob.user_id }
          ],
          details: { reason: "spam", report: reportId }
        })
      }),
    120_000
  )

  it.live(
    "are so many a day, whatever came of them, and one under one Idempotency-Key",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "on" } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.direct(alice, bob)
        const body = { target: { type: "conversation", id }, reason: "other" }
        const keyed = alice.rest.request<Report>("POST", REPORTS, body, { "idempotency-key": "one" })
        const [first, again] = [yield* keyed, yield* keyed]
        assert.deepStrictEqual([again.status, again.body], [201, first.body])
        for (let n = 1; n < 20; n++) yield* report(alice, "user", n % 2 === 0 ? bob.user_id : id)
        const past = yield* report(alice, "user", bob.user_id)
        assert.deepInclude(past.body as object, {
          status: 429,
          reason: "rate_limited",
          scope: "report",
          limit: 20
        })
        assert.strictEqual((yield* report(bob, "user", alice.user_id)).status, 201)
      }),
    120_000
  )
})
