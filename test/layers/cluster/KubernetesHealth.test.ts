import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import { RunnerHealth } from "effect/cluster/RunnerHealth"
import * as KubernetesHealth from "../../../src/layers/cluster/KubernetesHealth.ts"
import * as KubernetesApi from "../../support/KubernetesApi.ts"
import * as Poll from "../../support/Poll.ts"

/** Who is asked while the API cannot be: says that only this one lives. */
const PINGED = "10.0.0.99"

const make = Effect.fnUntraced(function* (options: KubernetesHealth.KubernetesOptions) {
  const logged: Array<string> = []
  const pinged = Layer.succeed(RunnerHealth, {
    isAlive: ({ host }) => Effect.succeed(host === PINGED)
  })
  const log = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
  const context = yield* Layer.build(
    KubernetesHealth.layer(options).pipe(Layer.provide(pinged), Layer.provideMerge(log))
  )
  const health = Context.get(context, RunnerHealth)
  const isAlive = (host: string) =>
    Effect.provide(health.isAlive(RunnerAddress.make({ host, port: 4001 })), log)
  return { isAlive, logged }
})

describe("KubernetesHealth", () => {
  it.live("believes the API: alive is who is ready, or about to be", () =>
    Effect.gen(function* () {
      const api = yield* KubernetesApi.make
      api.pods.set("10.0.0.1", "ready").set("10.0.0.2", "not ready").set("10.0.0.3", "booting")
      const { isAlive, logged } = yield* make(api)
      const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", PINGED]
      assert.deepStrictEqual(yield* Effect.forEach(hosts, isAlive), [true, false, true, false, false])
      assert.strictEqual(api.state.asked, 1, "one answer serves all who ask at the same time")
      api.pods.set("10.0.0.2", "ready").delete("10.0.0.1")
      yield* Poll.until(isAlive("10.0.0.2"))
      assert.isFalse(yield* isAlive("10.0.0.1"))
      assert.deepStrictEqual(logged, [])
    })
  )

  it.live("follows the token, which Kubernetes renews", () =>
    Effect.gen(function* () {
      const api = yield* KubernetesApi.make
      api.pods.set("10.0.0.1", "ready")
      const { isAlive, logged } = yield* make(api)
      assert.isTrue(yield* isAlive("10.0.0.1"))
      api.renewToken("second")
      api.pods.delete("10.0.0.1")
      yield* Poll.until(Effect.map(isAlive("10.0.0.1"), (alive) => !alive))
      assert.deepStrictEqual(logged, [])
    })
  )

  it.live.each(["forbids", "babbles", "hangs"] as const)(
    "has them pinged while the API %s, says so once, and comes back",
    (broken) =>
      Effect.gen(function* () {
        const api = yield* KubernetesApi.make
        api.pods.set("10.0.0.1", "ready")
        api.state.broken = broken
        const { isAlive, logged } = yield* make(api)
        assert.isTrue(yield* isAlive(PINGED))
        assert.isFalse(yield* isAlive("10.0.0.1"))
        const { asked } = api.state
        yield* Poll.until(
          Effect.andThen(
            isAlive(PINGED),
            Effect.sync(() => api.state.asked > asked)
          )
        )
        assert.strictEqual(logged.length, 1)
        assert.match(logged[0]!, /^The Kubernetes API does not tell which pods are ready: nodes are pinged/)
        api.state.broken = undefined
        yield* Poll.until(isAlive("10.0.0.1"))
        assert.isFalse(yield* isAlive(PINGED))
        assert.strictEqual(logged[1], "The Kubernetes API answers again")
      })
  )

  it.live("has them pinged where there is no API, no account, or another authority than its own", () =>
    Effect.gen(function* () {
      const api = yield* KubernetesApi.make
      api.pods.set("10.0.0.1", "ready")
      const other = yield* KubernetesApi.make
      yield* other.stop
      for (const options of [
        other,
        { ...api, account: "/nowhere" },
        // Its certificate is of another authority's making.
        { ...other, api: api.api }
      ]) {
        const { isAlive, logged } = yield* make(options)
        assert.isTrue(yield* isAlive(PINGED))
        assert.isFalse(yield* isAlive("10.0.0.1"))
        assert.strictEqual(logged.length, 1)
      }
    })
  )
})
