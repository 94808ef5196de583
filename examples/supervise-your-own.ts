/**
 * Supervise something of your own: `node examples/supervise-your-own.ts`.
 *
 * A weather station. One actor per place keeps the readings of that place, and is started by the first of them. Two
 * probes read their sensors in a loop; the one in the cellar is flaky and crashes now and then. Its supervisor starts
 * it again, after a moment, and nobody else notices. See docs/supervision.md.
 */
import { Console, Context, Effect, Layer, Schema } from "effect"
import type { ReplyTo } from "../src/actors/process/ReplyTo.ts"
import * as Registry from "../src/actors/registry/Registry.ts"
import * as ChildSpec from "../src/supervisors/ChildSpec.ts"
import { draw, flatten } from "../src/supervisors/Introspection.ts"
import * as Supervisor from "../src/supervisors/Supervisor.ts"

class SensorBroken extends Schema.TaggedError<SensorBroken>()("SensorBroken", { place: Schema.String }) {}

/** A resource: built by a Layer before the tree starts, and the same through all restarts. */
class Sensors extends Context.Service<
  Sensors,
  { readonly read: (place: string) => Effect.Effect<number, SensorBroken> }
>()("example/Sensors") {
  static readonly layer = Layer.sync(Sensors, () => {
    let reads = 0
    return {
      read: (place) =>
        Effect.suspend(() =>
          place === "cellar" && ++reads % 5 === 0
            ? Effect.fail(new SensorBroken({ place }))
            : Effect.succeed(place === "cellar" ? 12 : 21)
        )
    }
  })
}

interface Readings {
  readonly count: number
  readonly sum: number
}

type Message = { readonly celsius: number } | { readonly average: ReplyTo<number> }

const readings = Registry.make({
  id: "Readings",
  idleTimeout: "1 minute",
  behaviour: (_place: string) => ({
    init: (): Readings => ({ count: 0, sum: 0 }),
    handle: (message: Message, { count, sum }: Readings): Readings => {
      if ("celsius" in message) return { count: count + 1, sum: sum + message.celsius }
      message.average.succeed(sum / count)
      return { count, sum }
    }
  })
})

/** A loop that never ends well: whatever fails in it is the end of this incarnation. */
const probe = (place: string) =>
  ChildSpec.worker({
    id: place,
    run: Effect.gen(function* () {
      const sensors = yield* Sensors
      while (true) {
        yield* readings.cast(place, { celsius: yield* sensors.read(place) })
        yield* Effect.sleep("10 millis")
      }
    })
  })

const station = {
  id: "WeatherStation",
  // The probes depend on the readings, and not the other way round.
  strategy: "rest_for_one" as const,
  children: [
    readings.childSpec,
    ChildSpec.supervisor({
      id: "Probes",
      intensity: { maxRestarts: 10, within: "1 second" },
      backoff: { initial: "5 millis", max: "100 millis" },
      children: [probe("roof"), probe("cellar")]
    })
  ]
}

const lookAround = (root: Supervisor.Supervisor<Sensors>) =>
  Effect.gen(function* () {
    yield* Effect.sleep("300 millis")
    const tree = root.snapshot()
    yield* Console.log(draw(tree))
    for (const { path, restarts, lastExit } of flatten(tree)) {
      if (restarts > 0) yield* Console.log(`${path} was restarted ${restarts} times, last after: ${lastExit}`)
    }
    for (const place of ["roof", "cellar"]) {
      const celsius = yield* readings.call<number>(place, (average) => ({ average }))
      yield* Console.log(`${place}: ${celsius} degrees`)
    }
    root.shutdown()
  })

await Supervisor.launch(station, (root) => Effect.orDie(lookAround(root))).pipe(
  Effect.provide(Sensors.layer),
  Effect.runPromise
)
