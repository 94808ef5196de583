/** What every `AuditLog` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { UserId } from "../../src/domain/Ids.ts"
import { AuditLog } from "../../src/domain/ports/AuditLog.ts"
import * as Poll from "../support/Poll.ts"

const alice = "00000000-0000-7000-8000-000000000001" as UserId
const bob = "00000000-0000-7000-8000-000000000002" as UserId

export const contract = <E>(name: string, layer: Layer.Layer<AuditLog, E>): void => {
  describe(`AuditLog: ${name}`, () => {
    it.live("has on record what it was told, numbered and sealed, newest first", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        yield* log.record({ action: "user.blocked", outcome: "done", actor: alice })
        log.note({
          action: "token.refused",
          outcome: "refused",
          address: "192.0.2.1",
          details: { reason: "expired" }
        })
        yield* log.record({
          action: "member.added",
          outcome: "done",
          actor: bob,
          targets: [{ type: "user", id: alice }],
          details: { role: "admin", count: 1, first: true }
        })
        const entries = yield* log.read({ limit: 10 })
        assert.deepStrictEqual(
          entries.map(({ at: _at, hash: _hash, ...entry }) => entry),
          [
            {
              seq: 3,
              action: "member.added",
              outcome: "done",
              actor: bob,
              targets: [{ type: "user", id: alice }],
              details: { role: "admin", count: 1, first: true }
            },
            {
              seq: 2,
              action: "token.refused",
              outcome: "refused",
              address: "192.0.2.1",
              details: { reason: "expired" }
            },
            { seq: 1, action: "user.blocked", outcome: "done", actor: alice }
          ]
        )
        for (const { at, hash } of entries) {
          assert.closeTo(at, Date.now(), 60_000)
          assert.match(hash, /^[0-9a-f]{64}$/)
        }
        assert.strictEqual(new Set(entries.map(({ hash }) => hash)).size, 3)
      }).pipe(Effect.provide(layer))
    )

    it.live("is read by pages, by actor and by action", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        for (const actor of [alice, bob, alice]) {
          yield* log.record({ action: "admin.read", outcome: "done", actor })
          yield* log.record({ action: "admin.changed", outcome: "done", actor })
        }
        const seqs = (query: Parameters<typeof log.read>[0]) =>
          Effect.map(log.read(query), (entries) => entries.map(({ seq }) => seq))
        assert.deepStrictEqual(yield* seqs({ limit: 4 }), [6, 5, 4, 3])
        assert.deepStrictEqual(yield* seqs({ limit: 4, beforeSeq: 3 }), [2, 1])
        assert.deepStrictEqual(yield* seqs({ limit: 9, actor: alice }), [6, 5, 2, 1])
        assert.deepStrictEqual(yield* seqs({ limit: 9, action: "admin.read" }), [5, 3, 1])
        assert.deepStrictEqual(
          yield* seqs({ limit: 9, actor: alice, action: "admin.read", beforeSeq: 5 }),
          [1]
        )
      }).pipe(Effect.provide(layer))
    )

    it.live("cuts long facts, and keeps what no database could as something it can", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        const details = { long: "x".repeat(10_000), nul: "a\u0000b", half: "a\ud800" }
        yield* log.record({ action: "admin.changed", outcome: "done", details })
        const [entry] = yield* log.read({ limit: 1 })
        assert.deepStrictEqual(entry?.details, { long: "x".repeat(200), nul: "a\ufffdb", half: "a\ufffd" })
      }).pipe(Effect.provide(layer))
    )

    it.live("keeps the order in which it was told, however fast", () =>
      Effect.gen(function* () {
        const log = yield* AuditLog
        for (let n = 1; n <= 700; n++)
          log.note({ action: "token.refused", outcome: "refused", details: { n } })
        yield* Poll.until(Effect.map(log.read({ limit: 1 }), ([entry]) => entry?.seq === 700))
        const entries = yield* log.read({ limit: 700 })
        assert.isTrue(entries.every(({ details, seq }) => details?.n === seq))
      }).pipe(Effect.provide(layer))
    )
  })
}
