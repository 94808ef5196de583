/** What comes of an ask that its owner does not answer as it should; placement itself is `test/integration/Cluster.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import type { Refusal } from "../../../src/domain/Errors.ts"
import type { ConversationId } from "../../../src/domain/Ids.ts"
import { Placement } from "../../../src/domain/ports/Placement.ts"
import * as ClusterPlacement from "../../../src/layers/cluster/ClusterPlacement.ts"
import * as Poll from "../../support/Poll.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"

const placement = Effect.fnUntraced(function* (
  databaseUrl: string,
  answer: () => Effect.Effect<string, Refusal>
) {
  const layer = ClusterPlacement.layer({
    databaseUrl: Redacted.make(databaseUrl),
    host: "127.0.0.1",
    listen: "127.0.0.1",
    port: 0,
    patience: Duration.seconds(1),
    maxActive: 1_000,
    maxFrameBytes: 1024 * 1024
  })
  const joined = Context.get(yield* Layer.build(Layer.fresh(layer)), Placement)
  yield* joined.join(answer)
  return joined
})

describe("An ask of another node", () => {
  it.live(
    "is answered by it; and the node that asked does the work when it ends in the middle, or says nothing",
    () =>
      Effect.gen(function* () {
        const { url } = yield* PostgresServer.make({ fsync: false })
        let answer: Effect.Effect<string> = Effect.succeed("answered")
        const here = yield* placement(url, () => Effect.succeed("asked itself"))
        const other = yield* placement(url, () => Effect.suspend(() => answer))
        const ids = Array.from({ length: 100 }, () => crypto.randomUUID() as ConversationId)
        const settled = () =>
          ids.every((id) => here.isHere(id) !== other.isHere(id)) &&
          ids.filter((id) => other.isHere(id)).length > 1
        yield* Poll.until(settled, { deadline: 30_000, what: "one owner for each" })
        const [one, two] = ids.filter((id) => other.isHere(id))
        assert.strictEqual(yield* here.ask(one!, "question"), "answered")
        answer = Effect.interrupt
        assert.strictEqual((yield* Effect.flip(here.ask(one!, "question")))._tag, "OwnerSilent")
        answer = Effect.never
        assert.strictEqual((yield* Effect.flip(here.ask(two!, "question")))._tag, "OwnerSilent")
      }),
    { timeout: 90_000 }
  )
})
