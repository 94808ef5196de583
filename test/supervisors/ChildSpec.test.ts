import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, type Scope } from "effect"
import type { ReplyTo } from "../../src/actors/process/ReplyTo.ts"
import * as ChildSpec from "../../src/supervisors/ChildSpec.ts"
import * as Supervisor from "../../src/supervisors/Supervisor.ts"
import { until } from "./support/Settle.ts"

class Database extends Context.Service<Database, { readonly number: number }>()("test/Database") {}
class Greeting extends Context.Service<Greeting, { readonly text: string }>()("test/Greeting") {}

const often = { maxRestarts: 100, within: "5 seconds" } as const

/** A Layer that counts how often it is built and released. */
const counted = (log: Array<string>) => {
  let built = 0
  return Layer.effect(
    Database,
    Effect.acquireRelease(
      Effect.sync(() => {
        log.push(`build ${++built}`)
        return { number: built }
      }),
      ({ number }) => Effect.sync(() => void log.push(`release ${number}`))
    )
  )
}

describe("a child spec", () => {
  it("has OTP's defaults", () => {
    const worker = ChildSpec.worker({ id: "w", run: Effect.never })
    assert.deepInclude(worker, {
      type: "worker",
      restart: "permanent",
      shutdown: "5 seconds",
      significant: false
    })
    assert.deepInclude(ChildSpec.dynamic({ id: "d" }), { type: "supervisor", shutdown: "infinity" })
  })

  it.effect("tells what its child needs, and a supervisor what all of its children need", () =>
    Effect.gen(function* () {
      const spec = {
        id: "sup",
        children: [
          ChildSpec.worker({ id: "database", run: Effect.asVoid(Database) }),
          ChildSpec.supervisor({
            id: "inner",
            children: [ChildSpec.workerWith({ id: "greeting", init: Greeting, run: () => Effect.never })]
          }),
          ChildSpec.worker({ id: "failing", run: Effect.fail("typed") })
        ]
      }
      const starting = Supervisor.start(spec)
      // @ts-expect-error: the inner child needs a Greeting
      const incomplete: Effect.Effect<unknown, unknown, Database | Scope.Scope> = starting
      assert.strictEqual<unknown>(incomplete, starting)
      const complete: Effect.Effect<unknown, unknown, Database | Greeting | Scope.Scope> = starting
      yield* complete.pipe(
        Effect.provideService(Database, { number: 1 }),
        Effect.provideService(Greeting, { text: "hello" })
      )
    })
  )
})

describe("a layer as a child", () => {
  it.effect("lives until it is stopped, and is built anew by a restart", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const supervisor = yield* Supervisor.start({
        id: "sup",
        intensity: often,
        children: [ChildSpec.layer({ id: "database", layer: counted(log) })]
      })
      yield* supervisor.terminateChild("database")
      yield* supervisor.restartChild("database")
      supervisor.child("database")?.kill()
      yield* until(() => log.length === 5)
      assert.deepStrictEqual(log, ["build 1", "release 1", "build 2", "release 2", "build 3"])
    })
  )

  it.effect("can run an effect with its services, whose end is the child's", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const boom = yield* Deferred.make<void>()
      yield* Supervisor.start({
        id: "sup",
        intensity: often,
        children: [
          ChildSpec.layer({
            id: "database",
            layer: counted(log),
            run: Effect.gen(function* () {
              const { number } = yield* Database
              log.push(`run ${number}`)
              if (number > 1) return yield* Effect.never
              yield* Deferred.await(boom)
              return yield* Effect.fail("crash")
            })
          })
        ]
      })
      yield* Deferred.succeed(boom, undefined)
      yield* until(() => log.length === 5)
      assert.deepStrictEqual(log, ["build 1", "run 1", "release 1", "build 2", "run 2"])
    })
  )

  it.effect("is its own, although the same layer is built elsewhere", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const shared = counted(log)
      yield* Supervisor.start({ id: "sup", children: [ChildSpec.layer({ id: "mine", layer: shared })] }).pipe(
        Effect.provide(shared)
      )
      assert.include(log, "build 2")
    })
  )
})

describe("an actor as a child", () => {
  it.effect("is handed over with its type, and starts from init again", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.start({ id: "sup", intensity: often, children: [] })
      type Message = "crash" | "add" | ReplyTo<number>
      const spec = ChildSpec.actor({
        id: "counter",
        init: () => 0,
        handle: (message: Message, count: number) => {
          if (message === "crash") throw new Error("boom")
          if (message === "add") return count + 1
          message.succeed(count)
          return count
        }
      })
      const actor = yield* supervisor.startChild(spec)
      assert.isDefined(actor)
      yield* actor.cast("add")
      assert.strictEqual(yield* actor.call<number>((replyTo) => replyTo), 1)
      yield* actor.cast("crash")
      yield* until(() => supervisor.child("counter") !== actor)
      assert.isTrue(Exit.hasDies(actor.pollExit()!))
    })
  )
})

describe("the context of a child", () => {
  it.effect("is that of the supervisor, with a scope of its own", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const supervisor = yield* Supervisor.start({
        id: "sup",
        children: [
          ChildSpec.workerWith({
            id: "w",
            init: Effect.gen(function* () {
              const { text } = yield* Greeting
              yield* Effect.addFinalizer(() => Effect.sync(() => void log.push("scope closed")))
              log.push(text)
            }),
            run: () => Effect.never
          })
        ]
      }).pipe(Effect.provideService(Greeting, { text: "hello" }))
      yield* supervisor.terminateChild("w")
      assert.deepStrictEqual(log, ["hello", "scope closed"])
    })
  )
})
