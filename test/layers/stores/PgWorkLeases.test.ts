import { assert, layer } from "@effect/vitest"
import { Context, type Duration, Effect, Layer } from "effect"
import { WorkLeases } from "../../../src/domain/ports/WorkLeases.ts"
import * as PgWorkLeases from "../../../src/layers/stores/PgWorkLeases.ts"
import * as Databases from "../../contract/Databases.ts"
import * as Poll from "../../support/Poll.ts"

const databases = { "a Postgres server": Databases.server, "the embedded database": Databases.embedded }

/** A node of its own over the same database. */
const node = (duration: Duration.Input) =>
  Effect.map(Layer.build(Layer.fresh(PgWorkLeases.layer({ duration }))), Context.get(WorkLeases))

for (const [name, database] of Object.entries(databases)) {
  layer(Layer.provide(database, Databases.quiet), { excludeTestServices: true, timeout: "60 seconds" })(
    `PgWorkLeases on ${name}`,
    (it) => {
      it.effect("is one node's at a time, until it lets go", () =>
        Effect.gen(function* () {
          const [one, two] = [yield* node("1 hour"), yield* node("1 hour")]
          assert.isTrue(yield* one.hold("a"))
          assert.isTrue(yield* one.hold("a"))
          assert.isFalse(yield* two.hold("a"))
          assert.isTrue(yield* two.hold("b"))
          yield* two.release("a")
          assert.isTrue(yield* one.hold("a"))
          yield* one.release("a")
          assert.isTrue(yield* two.hold("a"))
          assert.isFalse(yield* one.hold("a"))
        })
      )

      it.effect("is another's when the holder does not renew it", () =>
        Effect.gen(function* () {
          const [one, two] = [yield* node("300 millis"), yield* node("1 hour")]
          assert.isTrue(yield* one.hold("dead"))
          yield* Poll.until(two.hold("dead"))
          assert.isTrue(yield* two.hold("dead"))
        })
      )
    }
  )
}
