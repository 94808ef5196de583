/** The audit log of a running service: what gets there, who may read it, and that its verification finds tampering. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Databases from "../contract/Databases.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { RestClient } from "../support/RestClient.ts"

interface Entry {
  readonly seq: number
  readonly action: string
  readonly actor: string | null
  readonly address: string | null
  readonly targets: ReadonlyArray<{ readonly type: string; readonly id: string }>
  readonly details: Readonly<Record<string, unknown>>
}

interface Page {
  readonly items: ReadonlyArray<Entry>
  readonly next_cursor: string | null
}

const AUDIT = "/api/v1/admin/audit"

const verify = Effect.fnUntraced(function* (url: string, ...args: ReadonlyArray<string>) {
  const app = yield* AppProcess.spawn({ args: ["audit", "verify", ...args], env: { DATABASE_URL: url } })
  const { code } = yield* app.exited
  return { code, output: app.output() }
})

const minutes = 120_000

describe("The audit log", () => {
  it.live(
    "has on record what people do to others, and is for operators alone",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const [alice, bob, carol] = yield* Effect.all([Chat.person(app), Chat.person(app), Chat.person(app)])
        const admin = yield* Chat.person(app, { scope: "admin" })
        const id = yield* Chat.group(alice, bob)
        const path = `/api/v1/conversations/${id}`
        yield* alice.rest.request("POST", `${path}/members`, { user_ids: [carol.user_id] })
        const said = yield* bob.rest.request<{ readonly id: string }>("POST", `${path}/messages`, {
          content: "canary-of-the-content",
          client_random: 1
        })
        const own = yield* alice.rest.request<{ readonly id: string }>("POST", `${path}/messages`, {
          content: "mine",
          client_random: 1
        })
        yield* alice.rest.request("DELETE", `${path}/messages/${own.body.id}?scope=everyone`)
        yield* alice.rest.request("DELETE", `${path}/messages/${said.body.id}?scope=everyone`)
        yield* carol.rest.request("DELETE", `${path}/members/${carol.user_id}`)
        yield* new RestClient(app.url, `${bob.token}x`).request("GET", path)
        assert.strictEqual((yield* bob.rest.request("GET", AUDIT)).status, 403)

        const read = (query: string) =>
          Effect.map(admin.rest.request<Page>("GET", `${AUDIT}${query}`), ({ body }) => body)
        yield* Poll.until(Effect.map(read("?action=admin.refused"), ({ items }) => items.length === 1))
        // Each look is on record, too, and there may have been many.
        const { items } = yield* read("?limit=200")
        const shown = items
          .filter(({ action }) => action !== "admin.read")
          .map(({ action, actor, details, targets }) => ({
            action,
            actor,
            targets: targets.map((t) => t.id),
            details
          }))
          .reverse()
        assert.deepStrictEqual(shown, [
          {
            action: "member.added",
            actor: alice.user_id,
            targets: [id, carol.user_id],
            details: { count: 1, role: "member" }
          },
          {
            action: "message.deleted",
            actor: alice.user_id,
            targets: [id, said.body.id, bob.user_id],
            details: {}
          },
          {
            action: "member.removed",
            actor: carol.user_id,
            targets: [id, carol.user_id],
            details: {}
          },
          { action: "token.refused", actor: null, targets: [], details: { reason: "signature" } },
          { action: "admin.refused", actor: bob.user_id, targets: [`GET ${AUDIT}`], details: {} }
        ])
        assert.strictEqual(items.find(({ action }) => action === "token.refused")?.address, "127.0.0.1")
        assert.notInclude(JSON.stringify(items), "canary-of-the-content")
        assert.notInclude(JSON.stringify(items), bob.token.slice(-20))

        const first = yield* read("?limit=2&action=member.added")
        assert.isNull(first.next_cursor)
        const page = yield* read("?limit=2")
        const next = yield* read(`?limit=2&cursor=${page.next_cursor}`)
        assert.isBelow(next.items[0]!.seq, page.items[1]!.seq)
        assert.strictEqual((yield* admin.rest.request("GET", `${AUDIT}?cursor=x`)).status, 400)
      }),
    minutes
  )

  it.live(
    "is verified by a command, whose exit code says what it found",
    () =>
      Effect.gen(function* () {
        const { url } = yield* PostgresServer.PostgresServer
        assert.strictEqual((yield* verify(url)).code, 1, "there is no log yet")
        const app = yield* AppProcess.start({ env: { DATABASE_URL: url } })
        const alice = yield* Chat.person(app)
        for (let i = 0; i < 3; i++) yield* alice.rest.request("GET", AUDIT)
        yield* app.kill("SIGTERM")
        assert.strictEqual((yield* app.exited).code, 0)

        const fine = yield* verify(url)
        assert.strictEqual(fine.code, 0, "what was noted is committed at a shutdown")
        const head = /Head: (3:[0-9a-f]{64})/.exec(fine.output)?.[1] ?? ""
        assert.strictEqual((yield* verify(url, "--head", head)).code, 0)
        const other = yield* verify(url, "--head", `3:${"0".repeat(64)}`, "--json")
        assert.strictEqual(other.code, 3)
        assert.deepInclude(JSON.parse(other.output), { intact: false, flaw: { kind: "rewritten", seq: 3 } })
        assert.strictEqual((yield* verify(url, "--head", "nonsense")).code, 2)

        yield* Effect.gen(function* () {
          const sql = yield* SqlClient
          yield* sql`ALTER TABLE audit_log DISABLE TRIGGER ALL`
          yield* sql`UPDATE audit_log SET entry = replace(entry, 'refused', 'granted') WHERE seq = 2`
        }).pipe(Effect.provide(Databases.at(url).pipe(Layer.provide(Databases.quiet))))
        const broken = yield* verify(url)
        assert.strictEqual(broken.code, 3)
        assert.match(broken.output, /BROKEN: entry 2 is not the one that was written/)
      }).pipe(Effect.provide(PostgresServer.layer({ fsync: false }))),
    minutes
  )
})
