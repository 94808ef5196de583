import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { Redis } from "ioredis"
import { ClusterMap, parse, redirectOf } from "../../../src/layers/redis/ClusterMap.ts"
import { SLOTS, slotOf } from "../../../src/layers/redis/KeySlot.ts"
import * as Ports from "../../support/Ports.ts"
import * as RedisServer from "../../support/RedisServer.ts"

describe("slotOf", () => {
  it.live("says of every key what Redis says of it", () =>
    Effect.gen(function* () {
      const bus = String(yield* Ports.free())
      const { port } = yield* RedisServer.make({ args: ["--cluster-enabled", "yes", "--cluster-port", bus] })
      const client = new Redis(port)
      const keys = fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.array(fc.constantFrom("{", "}", "a", "é", ":"), { maxLength: 8 }).map((parts) => parts.join(""))
      )
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(keys, async (key) => {
            assert.strictEqual(slotOf(key), await client.cluster("KEYSLOT", key))
          }),
          { numRuns: 300 }
        )
      )
      client.disconnect()
    })
  )
})

describe("ClusterMap", () => {
  const answer = [
    [0, 99, ["10.0.0.1", 7000, "id", []], ["10.0.0.9", 7000, "replica", []]],
    [200, SLOTS - 1, ["2001:db8::1", 7001, "id"]],
    [100, 199, [null, 7002, "id"]]
  ]

  it("knows who has a slot, and of a nameless node where it was asked", () => {
    const map = parse(answer, "seed:7002")
    assert.deepStrictEqual(
      [0, 99, 100, 199, 200, SLOTS - 1].map((slot) => map?.ownerOf(slot)),
      ["10.0.0.1:7000", "10.0.0.1:7000", "seed:7002", "seed:7002", "2001:db8::1:7001", "2001:db8::1:7001"]
    )
    assert.isTrue(map?.isComplete)
    const keys = map?.keys("probe") ?? []
    assert.deepStrictEqual(keys.map((key) => map?.ownerOf(slotOf(key))).sort(), [...map!.masters].sort())
  })

  it("knows of slots that nobody has, and what is no answer", () => {
    assert.isFalse(parse(answer.slice(0, 2), "seed:7000")?.isComplete)
    assert.isUndefined(parse("OK", "seed:7000"))
    assert.isUndefined(parse([["a"]], "seed:7000"))
    assert.isUndefined(ClusterMap.none.ownerOf(0))
  })

  it("reads where a command is sent on", () => {
    const to = (text: string) => redirectOf(new Error(text), "seed:7000")
    assert.deepStrictEqual(to("MOVED 3999 127.0.0.1:6381"), { kind: "MOVED", address: "127.0.0.1:6381" })
    assert.deepStrictEqual(to("ASK 3999 ::1:6381"), { kind: "ASK", address: "::1:6381" })
    assert.deepStrictEqual(to("MOVED 3999 :6381"), { kind: "MOVED", address: "seed:6381" })
    assert.isUndefined(to("ERR no"))
    assert.isUndefined(redirectOf(undefined, "seed:7000"))
  })
})
