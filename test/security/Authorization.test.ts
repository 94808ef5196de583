/**
 * Who may do what, on every edge: the table of the policy, tried out. Each call of each edge's contract that concerns one
 * conversation is made by people of every kind, in conversations of every kind and state; what they are answered is what
 * the policy says. And to whom a thing does not belong, it is as if it were not there.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { UserId } from "../../src/domain/Ids.ts"
import { type Action, forbids, rules } from "../../src/domain/Policy.ts"
import { Blocks, ofUser } from "../../src/domain/ports/Blocks.ts"
import * as TestApp from "../../src/testing/TestApp.ts"
import * as GrpcClient from "../support/GrpcClient.ts"
import { RestClient } from "../support/RestClient.ts"
import * as ChannelEdge from "./authorization/ChannelEdge.ts"
import { expected, type Outcome } from "./authorization/Edge.ts"
import * as GrpcEdge from "./authorization/GrpcEdge.ts"
import {
  type Actor,
  type ActorName,
  type Actors,
  actorNames,
  closedGroup,
  deletedGroup,
  direct,
  nowhere,
  openGroup,
  type Place,
  type Unblocked,
  type World
} from "./authorization/Places.ts"
import * as RestEdge from "./authorization/RestEdge.ts"
import * as RpcEdge from "./authorization/RpcEdge.ts"

const world = Effect.gen(function* () {
  const app = yield* TestApp.TestApp
  const blocks = yield* Blocks
  const strike = (actor: Actor) => blocks.strike(ofUser(UserId.make(actor.userId)), "messages")
  const actors: Partial<Record<ActorName, Actor>> = {}
  for (const name of actorNames) {
    const { token, user_id: userId } = yield* app.token(name === "service" ? { scope: "service" } : {})
    const shown = name === "nobody" ? "" : token
    actors[name] = { name, userId, token: shown, rest: new RestClient(app.url, shown) }
  }
  const { blocked } = actors as Actors
  yield* strike(blocked)
  const unblocked: Unblocked = (actor, work) =>
    actor.name === "blocked"
      ? Effect.ensuring(
          Effect.andThen(Effect.orDie(blocks.lift(ofUser(UserId.make(actor.userId)))), work),
          strike(actor)
        )
      : work
  return { actors: actors as Actors, unblocked } satisfies World
})

/** The edges, as they stand before clients. */
const edges = Effect.fnUntraced(function* ({ unblocked }: World) {
  const { grpcAddress, url, wsUrl } = yield* TestApp.TestApp
  const grpc = yield* GrpcClient.connect({ port: Number(grpcAddress.split(":")[1]) })
  return [RestEdge.edge, ChannelEdge.make(wsUrl, unblocked), GrpcEdge.make(grpc), RpcEdge.make(url)]
})

const directWithSomebodyNew = Effect.fnUntraced(function* (world: World) {
  const app = yield* TestApp.TestApp
  const { token, user_id: userId } = yield* app.token()
  const member: Actor = { name: "member", userId, token, rest: new RestClient(app.url, token) }
  return { place: yield* direct(world, member), actors: { ...world.actors, member } }
})

interface Setting {
  readonly place: Place
  readonly actors: Actors
}

const states = {
  "an open group": (world: World) =>
    Effect.map(openGroup(world), (place): Setting => ({ place, actors: world.actors })),
  "a closed group": (world: World) =>
    Effect.map(closedGroup(world), (place): Setting => ({ place, actors: world.actors })),
  "a deleted group": (world: World) =>
    Effect.map(deletedGroup(world), (place): Setting => ({ place, actors: world.actors })),
  // What is spent in it is spent for good, so each is with somebody new.
  "a direct conversation": directWithSomebodyNew
}

/** Everything that an answer tells, but for what is of this one request, and the ids that it was asked with. */
const told = Effect.fnUntraced(function* (
  actor: Actor,
  [method, path, body]: Ask,
  ids: ReadonlyArray<string>
) {
  const { body: answer, headers, status } = yield* actor.rest.request<unknown>(method, path, body)
  let text = JSON.stringify(answer).replace(/"request_id":"[^"]*"/, "")
  for (const id of ids) text = text.replaceAll(id, "<id>")
  return { status, text, headers: Array.from(headers.keys()).sort() }
})

type Ask = readonly [method: string, path: string, body?: unknown]

/** Who is blocked stays so, however long the test takes. */
const service = TestApp.layer({ env: { BLOCK_LENGTHS: "1 day" } })

layer(service, { excludeTestServices: true, timeout: "2 minutes" })("Authorization", (it) => {
  for (const [state, make] of Object.entries(states)) {
    it.effect(
      `is the policy's on every edge, in ${state}`,
      () =>
        Effect.gen(function* () {
          const all = yield* world
          const wrong: Array<string> = []
          let cells = 0
          for (const edge of yield* edges(all)) {
            const shared = yield* make(all)
            for (const call of edge.calls) {
              const { actors, place } = call.isSpending ? yield* make(all) : shared
              for (const name of actorNames) {
                const wanted: Outcome = expected(edge, call, actors[name], place)
                const outcome = yield* call.perform(actors[name], place).pipe(Effect.orDie)
                cells++
                if (outcome !== wanted) {
                  wrong.push(
                    `${edge.name} ${call.name} (${call.action}) by ${name}: ${outcome}, not ${wanted}`
                  )
                }
              }
            }
          }
          assert.deepStrictEqual(wrong, [])
          assert.isAbove(cells, 400)
        }).pipe(Effect.scoped),
      120_000
    )
  }

  it.effect(
    "is tried out for every action, and every call of every contract that concerns one conversation",
    () =>
      Effect.gen(function* () {
        const all = yield* edges(yield* world)
        for (const { calls, contract, name } of all) {
          const missing = contract.filter((offered) => !calls.some((call) => call.name === offered))
          assert.deepStrictEqual(missing, [], `${name} offers what nobody tries`)
        }
        const tried = new Set(all.flatMap(({ calls }) => calls.map(({ action }) => action)))
        const untried = (Object.keys(rules) as ReadonlyArray<Action>).filter((action) => !tried.has(action))
        // It is a freedom within `send`, which the next test is about.
        assert.deepStrictEqual(untried, ["skip_slow_mode"])
      }).pipe(Effect.scoped)
  )

  it.effect("lets those who may skip slow mode, and nobody else", () =>
    Effect.gen(function* () {
      const all = yield* world
      const place = yield* openGroup(all)
      const { owner } = all.actors
      yield* owner.rest.ok("PATCH", `/api/v1/conversations/${place.id}/settings`, { slow_mode_seconds: 3600 })
      for (const edge of yield* edges(all)) {
        const call = edge.calls.find(({ action }) => action === "send")
        if (call === undefined) continue
        for (const name of ["owner", "admin", "member"] as const) {
          const rule = forbids(place.roles[name]!, "skip_slow_mode", place.type, place.settings)
          const outcome = yield* Effect.orDie(call.perform(all.actors[name], place))
          assert.strictEqual(outcome, rule === undefined ? "ok" : "rate_limited", `${edge.name} by ${name}`)
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("tells strangers, and who was removed, of what there is no more than of what there is not", () =>
    Effect.gen(function* () {
      const all = yield* world
      const there = yield* openGroup(all)
      const gone = yield* deletedGroup(all)
      for (const name of ["stranger", "removed"] as const) {
        const actor = all.actors[name]
        const tellsOf = (call: RestEdge.RestCall, place: Place) => {
          const [path, body] = call.ask(actor, place)
          return told(actor, [call.method, path, body], [place.id, place.ownMessage(actor)])
        }
        for (const call of RestEdge.edge.calls as ReadonlyArray<RestEdge.RestCall>) {
          const nothing = yield* tellsOf(call, nowhere(there))
          assert.deepStrictEqual(yield* tellsOf(call, there), nothing, `${call.name} by ${name}`)
          assert.deepStrictEqual(
            yield* tellsOf(call, gone),
            nothing,
            `${call.name} of a deleted one by ${name}`
          )
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("tells of other people's messages, schedules, sessions and members as of none", () =>
    Effect.gen(function* () {
      const all = yield* world
      const { owner, stranger } = all.actors
      const theirs = yield* openGroup(all)
      const mine = yield* openGroup({ ...all, actors: { ...all.actors, owner: stranger, stranger: owner } })
      const foreign = theirs.ownMessage(owner)
      const nothing = crypto.randomUUID()

      for (const call of RestEdge.edge.calls as ReadonlyArray<RestEdge.RestCall>) {
        if (!call.path.includes("{message_id}")) continue
        const tellsOf = (messageId: string) => {
          const [path, body] = call.ask(stranger, {
            ...mine,
            ownMessage: () => messageId,
            othersMessage: () => messageId
          })
          return told(stranger, [call.method, path, body], [messageId])
        }
        const answer = yield* tellsOf(foreign)
        assert.deepStrictEqual(answer, yield* tellsOf(nothing), call.name)
        assert.strictEqual(answer.status, 404, call.name)
      }

      const path = `/api/v1/conversations/${theirs.id}`
      const scheduled = yield* owner.rest.ok<{ readonly id: string }>("POST", `${path}/scheduled-messages`, {
        content: "later",
        client_random: 1,
        scheduled_for: new Date(Date.now() + 3_600_000).toISOString()
      })
      const own = `/api/v1/conversations/${mine.id}`
      const asks: ReadonlyArray<readonly [foreign: string, ask: (id: string) => Ask]> = [
        [scheduled.id, (id) => ["GET", `/api/v1/scheduled-messages/${id}`]],
        [scheduled.id, (id) => ["PATCH", `/api/v1/scheduled-messages/${id}`, { content: "x" }]],
        [scheduled.id, (id) => ["DELETE", `/api/v1/scheduled-messages/${id}`]],
        [foreign, (id) => ["POST", `${own}/messages`, { content: "x", client_random: 7, reply_to_id: id }]],
        [foreign, (id) => ["POST", `${own}/mark-as-read`, { message_id: id }]],
        [foreign, (id) => ["POST", `${own}/delivered`, { message_id: id }]],
        [theirs.id, (id) => ["POST", "/api/v1/me/mark-as-read", { conversation_ids: [id] }]],
        [owner.userId, (id) => ["GET", `/api/v1/presence?user_ids=${id}`]],
        [theirs.spare(), (id) => ["DELETE", `${own}/members/${id}`]],
        [theirs.spare(), (id) => ["PATCH", `${own}/members/${id}`, { role: "admin" }]]
      ]
      for (const [id, ask] of asks) {
        const of = (id: string) => told(stranger, ask(id), [id])
        assert.deepStrictEqual(yield* of(id), yield* of(nothing), ask(id).join(" "))
      }
      assert.strictEqual(
        (yield* owner.rest.request("GET", `/api/v1/scheduled-messages/${scheduled.id}`)).status,
        200
      )
    }).pipe(Effect.scoped)
  )
})
