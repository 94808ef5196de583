/** What every `NodeAddresses` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { NodeAddresses } from "../../src/domain/ports/NodeAddresses.ts"

export const contract = <E>(name: string, layer: Layer.Layer<NodeAddresses, E>): void => {
  describe(`NodeAddresses: ${name}`, () => {
    it.live("finds a node where it was announced last, and none that was not", () =>
      Effect.gen(function* () {
        const addresses = yield* NodeAddresses
        yield* addresses.announce("one", { host: "10.0.0.1", port: 4000 })
        yield* addresses.announce("two", { host: "::1", port: 4001 })
        assert.deepStrictEqual(yield* addresses.find("one"), { host: "10.0.0.1", port: 4000 })
        assert.deepStrictEqual(yield* addresses.find("two"), { host: "::1", port: 4001 })
        assert.isUndefined(yield* addresses.find("three"))
        yield* addresses.announce("one", { host: "10.0.0.2", port: 4000 })
        assert.deepStrictEqual(yield* addresses.find("one"), { host: "10.0.0.2", port: 4000 })
      }).pipe(Effect.provide(layer))
    )
  })
}
