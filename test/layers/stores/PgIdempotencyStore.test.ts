import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import {
  type Claimed,
  IdempotencyStore,
  type KeyedRequest
} from "../../../src/domain/ports/IdempotencyStore.ts"
import * as PgIdempotencyStore from "../../../src/layers/stores/PgIdempotencyStore.ts"
import * as Databases from "../../contract/Databases.ts"
import { userId } from "../../contract/Fixtures.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

const answer = { status: 201, headers: { location: "/there" }, body: '{"a":"\\u0000é"}' }

const request = (of: Partial<KeyedRequest> = {}): KeyedRequest => ({
  userId: userId(),
  key: "key",
  digest: "digest",
  ...of
})

const claimed = Effect.fnUntraced(function* (asked: KeyedRequest, exclusive = true) {
  const store = yield* IdempotencyStore
  const claim = yield* store.claim(asked, exclusive)
  assert.strictEqual(claim._tag, "Claimed")
  return claim as Claimed
})

/** As if the key's day were over. */
const expire = (asked: KeyedRequest) =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql`UPDATE idempotency_keys SET expires_at = now() WHERE user_id = ${asked.userId}::uuid`
  )

for (const [name, database] of Object.entries(databases)) {
  const store = PgIdempotencyStore.layer({ lifetime: "1 day", lease: "1 minute" })
  layer(store.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet)), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`PgIdempotencyStore on ${name}`, (it) => {
    it.effect("lets one of many run a request, and gives all that come later its answer", () =>
      Effect.gen(function* () {
        const store = yield* IdempotencyStore
        const asked = request()
        const claims = yield* Effect.all(
          Array.from({ length: 12 }, () => store.claim(asked, true)),
          { concurrency: "unbounded" }
        )
        const tags = claims.map(({ _tag }) => _tag).sort()
        assert.deepStrictEqual(tags, ["Claimed", ...Array(11).fill("Running")])
        yield* store.settle(asked, claims.find(({ _tag }) => _tag === "Claimed") as Claimed, answer)
        assert.deepStrictEqual(yield* store.claim(asked, true), { _tag: "Answered", answer })
        const nothing = { status: 204, headers: {}, body: null }
        const other = request()
        yield* store.settle(other, yield* claimed(other), nothing)
        assert.deepStrictEqual(yield* store.claim(other, true), { _tag: "Answered", answer: nothing })
      })
    )

    it.effect("tells another request under the same key, answered or not, and no user from another", () =>
      Effect.gen(function* () {
        const store = yield* IdempotencyStore
        const asked = request()
        const mine = yield* claimed(asked)
        const other = { ...asked, digest: "another" }
        assert.strictEqual((yield* store.claim(other, true))._tag, "Another")
        yield* store.settle(asked, mine, answer)
        assert.strictEqual((yield* store.claim(other, true))._tag, "Another")
        yield* claimed({ ...other, userId: userId() })
        yield* claimed({ ...other, key: "other key" })
      })
    )

    it.effect("lets it be run again, under the same id, when it was refused or its lease is over", () =>
      Effect.gen(function* () {
        const store = yield* IdempotencyStore
        const asked = request()
        const first = yield* claimed(asked)
        yield* store.settle(asked, first, undefined)
        const second = yield* claimed(asked, false)
        const third = yield* claimed(asked)
        assert.deepStrictEqual([second.id, third.id], [first.id, first.id])
        yield* store.settle(asked, second, answer)
        assert.strictEqual(
          (yield* store.claim(asked, true))._tag,
          "Running",
          "who lost the lease settles nothing"
        )
        yield* store.settle(asked, third, answer)
        assert.strictEqual((yield* store.claim(asked, true))._tag, "Answered")
      })
    )

    it.effect(
      "leaves a request to whoever runs it for the lease, and the key to the request for its lifetime",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient
          const asked = request()
          yield* claimed(asked)
          const [left] = yield* sql<{ readonly lease: number; readonly lifetime: number }>`
          SELECT extract(epoch FROM leased_until - now())::float8 AS lease,
            extract(epoch FROM expires_at - now())::float8 AS lifetime
          FROM idempotency_keys WHERE user_id = ${asked.userId}::uuid`
          assert.isTrue(left!.lease > 0 && left!.lease <= 60, `${left!.lease} s of a minute's lease`)
          assert.isTrue(left!.lifetime > 3_600 && left!.lifetime <= 86_400, `${left!.lifetime} s of a day`)
        })
    )

    it.effect("forgets a key when its time is over, before it is swept and after", () =>
      Effect.gen(function* () {
        const store = yield* IdempotencyStore
        yield* store.sweep
        const [over, kept] = [request(), request()]
        const first = yield* claimed(over)
        yield* store.settle(over, first, answer)
        yield* store.settle(kept, yield* claimed(kept), answer)
        yield* expire(over)
        const again = yield* claimed({ ...over, digest: "another" })
        assert.notStrictEqual(again.id, first.id)
        yield* expire(over)
        assert.strictEqual(yield* store.sweep, 1)
        assert.strictEqual(yield* store.sweep, 0)
        assert.strictEqual((yield* store.claim(kept, true))._tag, "Answered")
      })
    )

    it.effect("sweeps more than fits into one step", () =>
      Effect.gen(function* () {
        const [store, sql] = [yield* IdempotencyStore, yield* SqlClient]
        yield* store.sweep
        yield* sql`
          INSERT INTO idempotency_keys (user_id, key, digest, id, claim, leased_until, expires_at)
          SELECT ${userId()}::uuid, n::text, 'd', gen_random_uuid(), gen_random_uuid(), now(), now()
          FROM generate_series(1, 2500) n`
        assert.strictEqual(yield* store.sweep, 2500)
      })
    )
  })
}
