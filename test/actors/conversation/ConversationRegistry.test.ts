import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { ConversationRegistry, layer } from "../../../src/actors/conversation/ConversationRegistry.ts"
import * as TopicHub from "../../../src/actors/topic/TopicHub.ts"
import { Notifier } from "../../../src/actors/user/Notifier.ts"
import { OfflineDispatch } from "../../../src/actors/user/OfflineDispatch.ts"
import type { State } from "../../../src/domain/Conversation.ts"
import { NotFound, Unavailable } from "../../../src/domain/Errors.ts"
import type { ConversationId, UserId } from "../../../src/domain/Ids.ts"
import { ConversationStore } from "../../../src/domain/ports/ConversationStore.ts"
import { MessageWriter } from "../../../src/domain/ports/MessageWriter.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import * as MemoryBroker from "../../../src/layers/memory/MemoryBroker.ts"
import * as ChildSpec from "../../../src/supervisors/ChildSpec.ts"
import * as Supervisor from "../../../src/supervisors/Supervisor.ts"
import { memberOf, stateOf } from "../../contract/States.ts"

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`
const alice = id(1) as UserId
const healthy = id(10) as ConversationId
const poison = id(11) as ConversationId
const missing = id(12) as ConversationId
const changing = id(13) as ConversationId

/** What storage answers for `changing`. */
const loading: { current: Effect.Effect<State, Unavailable> } = { current: Effect.never }

/** How far storage says that conversations have come. */
const committed = { upTo: 0 }

const member = memberOf(alice, { role: "owner" })

const state = (of: ConversationId) => stateOf([member], { id: of })

const unexpected = () => {
  throw new Error("nothing is written here")
}

const store = Layer.mock(ConversationStore)({
  advance: unexpected,
  lastSeq: () => Effect.sync(() => committed.upTo),
  load: (of) => {
    if (of === changing) return loading.current
    if (of === poison) return Effect.die(new Error("a row that nobody can read"))
    return of === missing ? Effect.fail(new NotFound({ what: "conversation" })) : Effect.succeed(state(of))
  }
})

const writer = Layer.mock(MessageWriter)({ append: unexpected, change: unexpected, depth: () => 0 })

const registry = layer({
  mailbox: 10,
  maxActive: 10,
  idleTimeout: "1 minute",
  askTimeout: "5 seconds",
  editWindow: "1 day",
  deleteWindow: "1 day"
}).pipe(
  Layer.provide([
    store,
    writer,
    MemoryAuditLog.layer,
    Layer.mock(OfflineDispatch)({ committed: unexpected, depth: () => 0 }),
    Layer.mock(Notifier)({ committed: unexpected, depth: () => 0 })
  ]),
  Layer.provideMerge(TopicHub.layer),
  Layer.provide(MemoryBroker.layer)
)

/** The registry under a supervisor that gives up at the first crash of its child. */
const running = Effect.gen(function* () {
  const conversations = yield* ConversationRegistry
  const root = yield* Supervisor.start({
    id: "Root",
    intensity: { maxRestarts: 0, within: "1 minute" },
    children: [ChildSpec.supervisor({ id: "Realtime", children: [conversations.supervisor] })]
  })
  const ask = (of: ConversationId) =>
    conversations.ask(of, "Snapshot", { userId: alice, withPositions: false })
  return { ask, conversations, root }
})

describe("ConversationRegistry", () => {
  it.effect("answers a stranger and a conversation that does not exist alike", () =>
    Effect.gen(function* () {
      const { ask, conversations } = yield* running
      assert.strictEqual((yield* Effect.flip(ask(missing)))._tag, "NotMember")
      const stranger = conversations.ask(healthy, "Snapshot", {
        userId: id(2) as UserId,
        withPositions: false
      })
      assert.strictEqual((yield* Effect.flip(stranger))._tag, "NotMember")
    }).pipe(Effect.scoped, Effect.provide(registry))
  )

  it.effect("answers for a conversation that crashes at every start, and lives on with the others", () =>
    Effect.gen(function* () {
      const { ask, root } = yield* running
      for (let i = 0; i < 20; i++) assert.strictEqual((yield* Effect.flip(ask(poison)))._tag, "Unavailable")
      assert.strictEqual((yield* ask(healthy)).currentSeq, 0)
      assert.isUndefined(root.pollExit())
    }).pipe(Effect.scoped, Effect.provide(registry))
  )

  it.effect("tells plain code once how it went, in the terms of the domain", () =>
    Effect.gen(function* () {
      const { conversations } = yield* running
      const told: Array<string> = []
      const tell = (of: ConversationId) =>
        conversations.tell(of, "Snapshot", { userId: alice, withPositions: false }, (exit) => {
          if (Exit.isSuccess(exit)) told.push(`${exit.value.currentSeq}`)
          else told.push(Option.getOrThrow(Cause.findErrorOption(exit.cause))._tag)
        })
      for (const of of [healthy, missing, poison]) {
        tell(of)
        yield* TestClock.adjust(0)
      }
      assert.deepStrictEqual(told, ["0", "NotMember", "Unavailable"])
    }).pipe(Effect.scoped, Effect.provide(registry))
  )

  it.effect("answers unavailable while its supervisor does not run", () =>
    Effect.gen(function* () {
      const conversations = yield* ConversationRegistry
      const error = yield* Effect.flip(
        conversations.ask(healthy, "Snapshot", { userId: alice, withPositions: false })
      )
      assert.strictEqual(error._tag, "Unavailable")
    }).pipe(Effect.provide(registry))
  )

  it.effect(
    "answers nobody from a state that may be old: not while storage is away, and not for a change that came while it loaded",
    () =>
      Effect.gen(function* () {
        const { ask } = yield* running
        const hub = yield* TopicHub.TopicHub
        const removedElsewhere = Effect.sync(() =>
          hub.publishLocal({
            topic: Topic.ofConversation(changing),
            event: "member_removed",
            payload: "{}",
            seq: null,
            except: null
          })
        )
        loading.current = Effect.succeed(state(changing))
        yield* ask(changing)

        loading.current = Effect.fail(new Unavailable({ what: "database" }))
        yield* removedElsewhere
        assert.strictEqual((yield* Effect.flip(ask(changing)))._tag, "Unavailable")

        // The first load read before the change was committed; the change is told while it is under way.
        const gate = yield* Deferred.make<State>()
        loading.current = Deferred.await(gate)
        const first = yield* Effect.forkChild(ask(changing), { startImmediately: true })
        yield* TestClock.adjust(0)
        yield* removedElsewhere
        loading.current = Effect.succeed({ ...state(changing), members: new Map() })
        yield* Deferred.succeed(gate, state(changing))
        yield* Fiber.await(first)
        assert.strictEqual((yield* Effect.flip(ask(changing)))._tag, "NotMember")
      }).pipe(Effect.scoped, Effect.provide(registry))
  )

  it.effect(
    "answers whoever has seen more than it has from storage, unless that has nothing more either",
    () =>
      Effect.gen(function* () {
        const { conversations } = yield* running
        let loads = 0
        loading.current = Effect.sync(() => {
          loads++
          return { ...state(changing), lastSeq: committed.upTo }
        })
        const askHaving = (seen: number) =>
          Effect.map(
            conversations.ask(changing, "Snapshot", { userId: alice, withPositions: false, seen }),
            ({ currentSeq }) => currentSeq
          )
        committed.upTo = 144
        assert.strictEqual(yield* askHaving(144), 144)
        assert.strictEqual(yield* askHaving(1_000), 144)
        assert.strictEqual(loads, 1)
        // Another node has committed it, and its publication did not come here.
        committed.upTo = 145
        assert.strictEqual(yield* askHaving(144), 144)
        assert.strictEqual(yield* askHaving(145), 145)
        assert.strictEqual(loads, 2)
      }).pipe(Effect.scoped, Effect.provide(registry))
  )
})
