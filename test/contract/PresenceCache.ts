/** What every `PresenceCache` promises to the nodes that share it. `make` makes an empty one. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Scope } from "effect"
import type { DeviceId, UserId } from "../../src/domain/Ids.ts"
import type { PresenceCache, Present } from "../../src/domain/ports/PresenceCache.ts"
import * as Poll from "../support/Poll.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId

const present = (ref: string, n = 1): Present => ({
  userId: user(n),
  meta: { device_id: `device of ${ref} "é"` as DeviceId, status: "online", online_at: 1, phx_ref: ref }
})

const minute = Duration.minutes(1)

export const presenceCacheContract = <E>(
  name: string,
  make: Effect.Effect<PresenceCache["Service"], E, Scope.Scope>
) => {
  /** The devices on a topic as `node ref`, sorted. */
  const on = Effect.fnUntraced(function* (cache: PresenceCache["Service"], topic: string) {
    const { held } = yield* cache.read([topic])
    return (held.get(topic) ?? []).map(({ meta, node }) => `${node} ${meta.phx_ref}`).sort()
  })
  const joins = (topic: string, ...joins: ReadonlyArray<Present>) => [{ topic, joins, leaves: [] }]

  describe(`PresenceCache in ${name}`, () => {
    it.live("gives back what the nodes have written, as it was", () =>
      Effect.gen(function* () {
        const cache = yield* make
        for (const node of ["a", "b"]) yield* cache.beat(node, minute)
        yield* cache.write("a", [...joins("x", present("1"), present("2", 2)), ...joins("y", present("3"))])
        yield* cache.write("b", joins("x", present("4")))
        assert.deepStrictEqual(yield* on(cache, "x"), ["a 1", "a 2", "b 4"])
        const { held, live } = yield* cache.read(["y", "nothing"])
        assert.deepStrictEqual(held.get("y"), [{ ...present("3"), node: "a" }])
        assert.deepStrictEqual(held.get("nothing"), [])
        assert.deepStrictEqual(Array.from(live).sort(), ["a", "b"])
      })
    )

    it.live("forgets who left, and puts the newer meta in the place of the one with its ref", () =>
      Effect.gen(function* () {
        const cache = yield* make
        yield* cache.beat("a", minute)
        yield* cache.write("a", joins("x", present("1"), present("2")))
        yield* cache.write("a", [{ topic: "x", joins: [present("2", 2)], leaves: ["1", "never came"] }])
        const { held } = yield* cache.read(["x"])
        assert.deepStrictEqual(held.get("x"), [{ ...present("2", 2), node: "a" }])
      })
    )

    it.live("says who lives, and whether a lease was there to renew", () =>
      Effect.gen(function* () {
        const cache = yield* make
        assert.deepStrictEqual(yield* cache.beat("a", minute), { live: new Set(["a"]), isNew: true })
        assert.deepStrictEqual(yield* cache.beat("b", minute), { live: new Set(["a", "b"]), isNew: true })
        assert.deepStrictEqual(yield* cache.beat("a", minute), { live: new Set(["a", "b"]), isNew: false })
      })
    )

    it.live("shows nothing of a node whose lease has run out, and nothing of it when it has another", () =>
      Effect.gen(function* () {
        const cache = yield* make
        yield* cache.beat("a", minute)
        yield* cache.beat("b", Duration.millis(50))
        yield* cache.write("a", joins("x", present("1")))
        yield* cache.write("b", joins("x", present("2")))
        yield* Poll.until(Effect.map(on(cache, "x"), (found) => found.length === 1))
        assert.deepStrictEqual(yield* on(cache, "x"), ["a 1"])
        assert.isTrue((yield* cache.beat("b", minute)).isNew)
      })
    )

    it.live("shows nothing of a node that has left, at once", () =>
      Effect.gen(function* () {
        const cache = yield* make
        for (const node of ["a", "b"]) yield* cache.beat(node, minute)
        yield* cache.write("a", joins("x", present("1")))
        yield* cache.leave("a")
        assert.deepStrictEqual(yield* on(cache, "x"), [])
        assert.deepStrictEqual((yield* cache.beat("b", minute)).live, new Set(["b"]))
      })
    )

    it.live("sweeps what dead nodes left, however much, once between all who sweep", () =>
      Effect.gen(function* () {
        const cache = yield* make
        yield* cache.beat("a", minute)
        yield* cache.beat("dead", Duration.millis(300))
        const topics = Array.from({ length: 30 }, (_, i) => `t${i}`)
        const many = (node: string) =>
          topics.flatMap((topic) =>
            joins(topic, ...Array.from({ length: 20 }, (_, i) => present(`${node}${i}`)))
          )
        yield* cache.write("a", many("a"))
        yield* cache.write("dead", many("d"))
        yield* Poll.until(
          Effect.map(cache.beat("a", minute), ({ live }) => !live.has("dead")),
          { what: "the end of its lease" }
        )
        const swept = yield* Effect.all([cache.sweep, cache.sweep, cache.sweep], { concurrency: "unbounded" })
        assert.strictEqual(
          swept.reduce((a, b) => a + b),
          600
        )
        assert.strictEqual(yield* cache.sweep, 0)
        for (const topic of topics) assert.strictEqual((yield* on(cache, topic)).length, 20)
      })
    )
  })
}
