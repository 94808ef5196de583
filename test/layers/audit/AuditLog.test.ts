import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { AuditLog } from "../../../src/domain/ports/AuditLog.ts"
import { verify } from "../../../src/layers/audit/AuditVerification.ts"
import * as PgAuditLog from "../../../src/layers/audit/PgAuditLog.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import { contract } from "../../contract/AuditLog.ts"
import * as Databases from "../../contract/Databases.ts"
import * as Poll from "../../support/Poll.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"

const options = { capacity: 10_000, timeout: "1 minute" } as const

const running = Layer.effectDiscard(Effect.flatMap(PgAuditLog.AuditLoop, ({ run }) => Effect.forkScoped(run)))

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  running.pipe(
    Layer.provideMerge(PgAuditLog.layer(options)),
    Layer.provideMerge(database),
    Layer.provide(Databases.quiet)
  )

contract("memory", MemoryAuditLog.layer)
contract("a Postgres server", over(Databases.server))
contract("the embedded database", over(Databases.embedded))

const noteAll = (count: number) =>
  Effect.gen(function* () {
    const log = yield* AuditLog
    for (let n = 1; n < count; n++) log.note({ action: "token.refused", outcome: "refused", details: { n } })
    yield* log.record({ action: "token.refused", outcome: "refused", details: { n: count } })
  })

/** Somebody with all rights on the database, who knows of the triggers. */
const tamper = (statement: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql.unsafe("ALTER TABLE audit_log DISABLE TRIGGER ALL")
    yield* sql.unsafe(statement)
    yield* sql.unsafe("ALTER TABLE audit_log ENABLE TRIGGER ALL")
  })

describe("The chain of the audit log", () => {
  it.live("finds nothing wrong with what was written, by one node or by several at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* verify()).head.seq, 0)
      const other = yield* Layer.build(
        Layer.fresh(running.pipe(Layer.provideMerge(PgAuditLog.layer(options))))
      )
      yield* Effect.all([noteAll(1_100), Effect.provide(noteAll(1_100), other)], { concurrency: 2 })
      const { flaw, head } = yield* verify()
      assert.isUndefined(flaw)
      assert.strictEqual(head.seq, 2_200)
      assert.isUndefined((yield* verify(head)).flaw)
    }).pipe(Effect.provide(over(Databases.server)))
  )

  it.live("cannot be changed by ordinary means", () =>
    Effect.gen(function* () {
      yield* noteAll(3)
      const sql = yield* SqlClient
      for (const statement of [
        "UPDATE audit_log SET entry = entry",
        "DELETE FROM audit_log WHERE seq = 2",
        "TRUNCATE audit_log"
      ]) {
        assert.strictEqual((yield* Effect.exit(sql.unsafe(statement)))._tag, "Failure", statement)
      }
      assert.isUndefined((yield* verify()).flaw)
    }).pipe(Effect.provide(over(Databases.embedded)))
  )

  const change = "UPDATE audit_log SET entry = replace(entry, '\"n\":2', '\"n\":9') WHERE seq = 2"
  const swap = `
    UPDATE audit_log SET seq = -seq WHERE seq IN (2, 3);
    UPDATE audit_log SET seq = 3 WHERE seq = -2; UPDATE audit_log SET seq = 2 WHERE seq = -3`
  const resealed = `
    UPDATE audit_log SET entry = replace(entry, '"n":4', '"n":9') WHERE seq = 4;
    UPDATE audit_log SET hash = sha256((SELECT hash FROM audit_log WHERE seq = 3) || convert_to('4' || E'\\n' || entry, 'UTF8'))
    WHERE seq = 4; UPDATE audit_head SET hash = (SELECT hash FROM audit_log WHERE seq = 4)`
  for (const [what, statement, flaw] of [
    ["a changed entry", change, { kind: "changed", seq: 2 }],
    ["two that changed places", swap, { kind: "changed", seq: 2 }],
    ["a missing entry", "DELETE FROM audit_log WHERE seq = 2", { kind: "missing", seq: 2 }],
    ["a missing first entry", "DELETE FROM audit_log WHERE seq = 1", { kind: "missing", seq: 1 }],
    ["a missing end", "DELETE FROM audit_log WHERE seq > 2", { kind: "cut", seq: 3 }],
    [
      "an end taken back",
      "UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_log WHERE seq = 3)",
      {
        kind: "added",
        seq: 4
      }
    ],
    ["an empty log", "DELETE FROM audit_log; DELETE FROM audit_head", { kind: "cut", seq: 1 }],
    ["a chain made anew", resealed, { kind: "rewritten", seq: 4 }]
  ] as const) {
    it.live(`shows ${what}`, () =>
      Effect.gen(function* () {
        yield* noteAll(4)
        const { head } = yield* verify()
        for (const part of statement.split(";")) yield* tamper(part)
        assert.deepStrictEqual((yield* verify(head)).flaw, flaw)
      }).pipe(Effect.provide(over(Databases.embedded)))
    )
  }
})

describe("PgAuditLog", () => {
  it.live("loses nothing over an outage, and says so when an entry is not certain to be on record", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make({ fsync: false })
      const context = yield* Layer.build(
        running.pipe(
          Layer.provideMerge(PgAuditLog.layer({ ...options, timeout: "300 millis" })),
          Layer.provideMerge(Databases.at(server.url)),
          Layer.provide(Databases.quiet)
        )
      )
      const log = Context.get(context, AuditLog)
      const count = (n: number) => log.note({ action: "token.refused", outcome: "refused", details: { n } })
      count(1)
      yield* Poll.until(Effect.map(log.read({ limit: 1 }), (entries) => entries.length === 1))
      yield* server.kill9
      count(2)
      const refused = yield* Effect.flip(log.record({ action: "user.blocked", outcome: "done" }))
      assert.strictEqual(refused._tag, "Unavailable")
      count(4)
      yield* server.restart
      yield* Databases.eventually(
        Effect.filterOrFail(log.read({ limit: 9 }), (entries) => entries.length === 4)
      )
      const entries = yield* log.read({ limit: 9 })
      assert.deepStrictEqual(
        entries.map(({ details }) => details?.n),
        [4, undefined, 2, 1]
      )
      assert.isUndefined((yield* Effect.provide(verify(), context)).flaw)
    })
  )

  it.live("counts what finds its queue full, and has the count on record", () =>
    Effect.gen(function* () {
      const log = yield* AuditLog
      const { run } = yield* PgAuditLog.AuditLoop
      for (let n = 1; n <= 5; n++) log.note({ action: "token.refused", outcome: "refused", details: { n } })
      assert.strictEqual(
        (yield* Effect.flip(log.record({ action: "user.blocked", outcome: "done" })))._tag,
        "Unavailable"
      )
      yield* Effect.forkScoped(run)
      yield* Poll.until(Effect.map(log.read({ limit: 9 }), (entries) => entries.length === 4))
      const [last, ...others] = yield* log.read({ limit: 9 })
      assert.deepStrictEqual([last?.action, last?.details], ["audit.overflowed", { count: 2 }])
      assert.deepStrictEqual(
        others.map(({ details }) => details?.n),
        [3, 2, 1]
      )
    }).pipe(
      Effect.provide(
        PgAuditLog.layer({ ...options, capacity: 3 }).pipe(
          Layer.provideMerge(Databases.embedded),
          Layer.provide(Databases.quiet)
        )
      )
    )
  )

  it.live("has repeated refusals on record one by one at first, and then by their number", () =>
    Effect.gen(function* () {
      const log = yield* AuditLog
      const { run } = yield* PgAuditLog.AuditLoop
      const refused = (address: string, id: string) =>
        log.note({ action: "admin.refused", outcome: "refused", address, targets: [{ type: "path", id }] })
      for (let n = 1; n <= 25; n++) refused("192.0.2.1", `/made/up/${n}`)
      refused("192.0.2.2", "/another")
      for (let n = 1; n <= 12; n++) log.note({ action: "member.added", outcome: "done" })
      const fiber = yield* Effect.forkScoped(run, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const entries = (yield* log.read({ limit: 100 })).toReversed()
      assert.deepStrictEqual(
        entries.map(({ action, address, targets }) => [action, address, targets?.[0]?.id]),
        [
          ...Array.from({ length: 10 }, (_, n) => ["admin.refused", "192.0.2.1", `/made/up/${n + 1}`]),
          ["admin.refused", "192.0.2.2", "/another"],
          ...Array(12).fill(["member.added", undefined, undefined]),
          ["admin.refused", "192.0.2.1", undefined]
        ]
      )
      assert.deepStrictEqual(entries.at(-1)?.details, { repeated: 15 })
    }).pipe(
      Effect.provide(
        PgAuditLog.layer(options).pipe(Layer.provideMerge(Databases.embedded), Layer.provide(Databases.quiet))
      )
    )
  )

  it.live("commits what waits before it ends", () =>
    Effect.gen(function* () {
      const log = yield* AuditLog
      const { run } = yield* PgAuditLog.AuditLoop
      for (let n = 1; n <= 1_200; n++)
        log.note({ action: "token.refused", outcome: "refused", details: { n } })
      const fiber = yield* Effect.forkScoped(run, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* log.read({ limit: 1 }))[0]?.seq, 1_200)
    }).pipe(
      Effect.provide(
        PgAuditLog.layer(options).pipe(Layer.provideMerge(Databases.embedded), Layer.provide(Databases.quiet))
      )
    )
  )
})
