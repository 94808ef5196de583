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
  answer: () => Effect.Effect<string, Refusal>,
  patience: Duration.Input = "1 second"
) {
  const layer = ClusterPlacement.layer({
    databaseUrl: Redacted.make(databaseUrl),
    host: "127.0.0.1",
    listen: "127.0.0.1",
    port: 0,
    patience: Duration.fromInputUnsafe(patience),
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
        const here = yield* placement(url, () => Effect.succeed("asked itself"), "5 seconds")
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
      })
  )

  it.live(
    "waits for a silent owner once; one ask in a while finds out whether it answers again, however patient all are",
    () =>
      Effect.gen(function* () {
        const { url } = yield* PostgresServer.make({ fsync: false })
        let answer: Effect.Effect<string> = Effect.succeed("answered")
        let asked = 0
        const here = yield* placement(url, () => Effect.succeed("asked itself"), "3 seconds")
        const other = yield* placement(url, () =>
          Effect.suspend(() => {
            asked++
            return answer
          })
        )
        const ids = Array.from({ length: 100 }, () => crypto.randomUUID() as ConversationId)
        const settled = () => ids.every((id) => here.isHere(id) !== other.isHere(id))
        const id = yield* Poll.until(() => (settled() ? ids.find((id) => other.isHere(id)) : undefined), {
          deadline: 30_000,
          what: "a conversation of the other"
        })
        const ask = Effect.result(here.ask(id, "question"))
        const many = Effect.forEach(Array.from({ length: 20 }), () => ask, { concurrency: "unbounded" })
        assert.strictEqual((yield* ask)._tag, "Success")
        answer = Effect.never
        asked = 0
        assert.strictEqual((yield* ask)._tag, "Failure")
        yield* many
        assert.strictEqual(asked, 1, "nobody else waits")
        yield* Poll.until(
          Effect.map(many, () => asked > 1),
          { deadline: 20_000 }
        )
        assert.strictEqual(asked, 2, "one of twenty finds out")
        answer = Effect.succeed("answered")
        yield* Poll.until(
          Effect.map(ask, ({ _tag }) => _tag === "Success"),
          { deadline: 20_000 }
        )
        assert.isTrue((yield* many).every(({ _tag }) => _tag === "Success"))
      })
  )
})
