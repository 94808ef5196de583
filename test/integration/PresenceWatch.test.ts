/** Whether others are there, beyond one conversation: over several devices and nodes, and as privacy allows. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { UserPresence } from "../../src/domain/UserPresence.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/PresenceWatch") {
  static readonly layer = Layer.effect(
    App,
    AppProcess.start({ env: { RATE_LIMITS: "off", MAX_WATCHED_USERS: "3" } })
  )
}

type Presences = { readonly presences: ReadonlyArray<UserPresence> }
type Person = Pick<Chat.Person, "user_id">

/** A connection of this person that has joined their channel, and how to end it without a word. */
const connect = Effect.fnUntraced(function* (
  app: AppProcess.RunningApp,
  person: Chat.Person,
  params: object = {}
) {
  const client = yield* Chat.connect(app, person)
  const channel = yield* client.join(`user:${person.user_id}`, params)
  const changed = (of: Person, status: UserPresence["status"], stale?: true) =>
    channel.next<UserPresence>("user_presence_changed", {
      where: (told) => told.user_id === of.user_id && told.status === status && told.stale === stale
    })
  const watch = (...people: ReadonlyArray<Person>) =>
    Effect.map(
      channel.push<Presences>("watch_presence", { user_ids: people.map(({ user_id }) => user_id) }),
      ({ presences }) => new Map(presences.map((one) => [one.user_id as string, one]))
    )
  return { client, channel, changed, watch, told: () => channel.received("user_presence_changed") }
})

const device = (app: AppProcess.RunningApp, { user_id }: Person) => Chat.person(app, { user_id })

const asked = (by: Chat.Person, ...people: ReadonlyArray<Person>) =>
  Effect.map(
    by.rest.ok<{ readonly items: ReadonlyArray<UserPresence>; readonly next_cursor: null }>(
      "GET",
      `/api/v1/presence?user_ids=${people.map(({ user_id }) => user_id).join(",")}`
    ),
    ({ items }) => new Map(items.map((one) => [one.user_id as string, one]))
  )

const isRecent = (time: string | null | undefined): void =>
  assert.closeTo(Date.parse(time ?? ""), Date.now(), 60_000)

const people = Effect.gen(function* () {
  const app = yield* App
  const [alice, bob, carol] = [yield* Chat.person(app), yield* Chat.person(app), yield* Chat.person(app)]
  return { app, alice, bob, carol }
})

layer(App.layer, { excludeTestServices: true, timeout: "2 minutes" })("Watching presence", (it) => {
  it.effect("tells of those watched, over all their devices, also of one that is lost", () =>
    Effect.gen(function* () {
      const { alice, app, bob } = yield* people
      yield* Chat.direct(alice, bob)
      const a = yield* connect(app, alice)
      assert.deepStrictEqual(
        yield* a.watch(bob),
        new Map([[bob.user_id, { user_id: bob.user_id, status: "offline", last_seen: null }]]) as never
      )
      const phone = yield* connect(app, bob)
      assert.deepStrictEqual(yield* a.changed(bob, "online"), {
        user_id: bob.user_id,
        status: "online",
        last_seen: null
      } as never)
      const laptop = yield* connect(app, yield* device(app, bob))
      yield* phone.channel.push("update_presence", { status: "away" })
      yield* laptop.channel.push("update_presence", { status: "away" })
      yield* a.changed(bob, "away")
      phone.client.destroy()
      yield* laptop.channel.push("update_presence", { status: "online" })
      yield* a.changed(bob, "online")
      // Cut off without a word.
      yield* laptop.client.drop
      laptop.client.destroy()
      isRecent((yield* a.changed(bob, "offline")).last_seen)
      assert.lengthOf(a.told(), 4, "nothing was told twice, and nothing of a device that changes nothing")
    })
  )

  it.effect(
    "is of the last list alone, of so many users, and of those only whom one shares a conversation with",
    () =>
      Effect.gen(function* () {
        const { alice, app, bob, carol } = yield* people
        const mallory = yield* Chat.person(app)
        const id = yield* Chat.group(alice, bob, carol)
        const a = yield* connect(app, alice)
        assert.sameMembers(
          [...(yield* a.watch(bob, mallory, { user_id: crypto.randomUUID() })).keys()],
          [bob.user_id]
        )
        assert.sameMembers([...(yield* asked(alice, bob, mallory)).keys()], [bob.user_id])
        assert.isEmpty(yield* asked(mallory, bob))
        yield* a.watch(carol)
        yield* connect(app, mallory)
        yield* connect(app, bob)
        const c = yield* connect(app, carol)
        yield* a.changed(carol, "online")
        assert.lengthOf(a.told(), 1)

        for (const ids of [[1, 2, 3, 4].map(() => crypto.randomUUID()), ["x"], "x"]) {
          const refused = yield* Effect.flip(a.channel.push("watch_presence", { user_ids: ids }))
          assert.deepInclude(refused.response, { reason: "invalid" })
        }
        const tooMany = yield* alice.rest.request(
          "GET",
          `/api/v1/presence?user_ids=${[1, 2, 3, 4].map(() => crypto.randomUUID()).join(",")}`
        )
        assert.strictEqual(tooMany.status, 400)

        // Carol leaves: what Alice learns is what she would of a stranger, and nothing after that.
        yield* a.watch(bob, carol)
        yield* carol.rest.ok("POST", `/api/v1/conversations/${id}/leave`)
        const last = yield* a.changed(carol, "offline")
        assert.isNull(last.last_seen)
        yield* c.channel.push("update_presence", { status: "away" })
        const b = yield* connect(app, yield* device(app, bob))
        yield* b.channel.push("update_presence", { status: "away" })
        yield* alice.rest.ok("DELETE", `/api/v1/conversations/${id}/members/${bob.user_id}`)
        yield* a.changed(bob, "offline")
        assert.lengthOf(a.told(), 3)
        yield* a.watch()
      })
  )

  it.effect(
    "shows nobody who joins without presence, and when one was last there to those only who tell it, too",
    () =>
      Effect.gen(function* () {
        const { alice, app, bob } = yield* people
        yield* Chat.direct(alice, bob)
        const a = yield* connect(app, alice)
        yield* a.watch(bob)
        const hidden = yield* connect(app, bob, { presence: false })
        const shown = yield* connect(app, yield* device(app, bob))
        yield* a.changed(bob, "online")
        shown.client.destroy()
        const { last_seen } = yield* a.changed(bob, "offline")
        isRecent(last_seen)
        hidden.client.destroy()

        const url = "/api/v1/me/preferences"
        assert.deepInclude(yield* bob.rest.ok<object>("PATCH", url, { last_seen: false }), {
          last_seen: false
        })
        assert.isNull((yield* a.changed(bob, "offline")).last_seen)
        assert.isNull((yield* asked(alice, bob)).get(bob.user_id)?.last_seen)
        yield* bob.rest.ok("PATCH", url, { last_seen: true })
        assert.strictEqual((yield* a.changed(bob, "offline")).last_seen, last_seen)
        yield* alice.rest.ok("PATCH", url, { last_seen: false })
        assert.isNull((yield* a.changed(bob, "offline")).last_seen)
        assert.isNull((yield* asked(alice, bob)).get(bob.user_id)?.last_seen)
        assert.isNull((yield* a.watch(bob)).get(bob.user_id)?.last_seen)
        yield* alice.rest.ok("PATCH", url, { last_seen: true })
        isRecent((yield* a.changed(bob, "offline")).last_seen)
      })
  )
})

const minutes = { timeout: 180_000 }

const nodes = Nodes.two({
  REDIS_TIMEOUT: "500 millis",
  REDIS_CONNECT_TIMEOUT: "1 second",
  PRESENCE_LEASE: "3 seconds",
  LAST_SEEN_INTERVAL: "500 millis"
})

/** Waits until what has happened on this node has been written. */
const isOnRecord = (app: AppProcess.RunningApp) =>
  Poll.until(
    async () => /^last_seen_queue_depth 0$/m.test(await (await fetch(`${app.url}/metrics`)).text()),
    { what: "everybody's coming on record" }
  )

describe("Watching presence on several nodes", () => {
  it.live(
    "sees those of other nodes, notices a node that is killed, and keeps when they were last there",
    () =>
      Effect.gen(function* () {
        const { env, one, two } = yield* nodes
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
        const [alice, bob, carol] = [
          yield* Chat.person(one),
          yield* Chat.person(one),
          yield* Chat.person(one)
        ]
        yield* Chat.group(alice, bob, carol)
        const b = yield* connect(two, Chat.at(two, bob))
        // Who is not followed on a node is asked of the others, which write down who is there a moment later.
        yield* Poll.until(
          Effect.map(asked(carol, bob), (seen) => seen.get(bob.user_id)?.status === "online"),
          { what: "Bob, on the other node" }
        )
        const a = yield* connect(one, alice)
        assert.strictEqual((yield* a.watch(bob, carol)).get(bob.user_id)?.status, "online")
        yield* b.channel.push("update_presence", { status: "away" })
        yield* a.changed(bob, "away")
        // Here and there at once: the better of both.
        const here = yield* connect(one, yield* device(one, bob))
        yield* a.changed(bob, "online")
        here.client.destroy()
        yield* a.changed(bob, "away")
        yield* connect(two, Chat.at(two, carol))
        yield* a.changed(carol, "online")

        yield* isOnRecord(two)
        yield* two.kill("SIGKILL")
        isRecent((yield* a.changed(bob, "offline")).last_seen)
        yield* a.changed(carol, "offline")
        assert.isUndefined((yield* asked(alice, bob)).get(bob.user_id)?.stale)

        yield* one.kill("SIGTERM")
        yield* one.exited
        const again = yield* AppProcess.start({ env })
        yield* Nodes.hasRedis(again)
        const later = yield* asked(Chat.at(again, alice), bob, carol, alice)
        for (const { user_id } of [bob, carol]) {
          assert.strictEqual(later.get(user_id)?.status, "offline")
          isRecent(later.get(user_id)?.last_seen)
        }
        assert.strictEqual(later.get(alice.user_id)?.status, "offline")
        isRecent(later.get(alice.user_id)?.last_seen)
      }),
    minutes
  )

  it.live(
    "says what it cannot know while Redis is away, and is right again when it is back",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* nodes
        yield* Effect.all([Nodes.hasRedis(one), Nodes.hasRedis(two)])
        const [alice, bob, carol] = [
          yield* Chat.person(one),
          yield* Chat.person(one),
          yield* Chat.person(one)
        ]
        yield* Chat.group(alice, bob, carol)
        const a = yield* connect(one, alice)
        yield* a.watch(bob, carol, alice)
        yield* connect(two, Chat.at(two, bob))
        yield* a.changed(bob, "online")

        yield* redis.kill9
        yield* a.changed(bob, "online", true)
        yield* a.changed(carol, "offline", true)
        assert.isTrue((yield* asked(carol, bob)).get(bob.user_id)?.stale)
        const mine = (yield* asked(alice, alice)).get(alice.user_id)
        assert.deepStrictEqual(mine, { user_id: alice.user_id, status: "online", last_seen: null } as never)
        // Of this node's everything is known.
        yield* connect(one, carol)
        yield* a.changed(carol, "online")

        yield* redis.restart({ empty: true })
        yield* a.changed(bob, "online")
        yield* Poll.until(
          Effect.map(asked(carol, bob), (found) => {
            const is = found.get(bob.user_id)
            return is?.status === "online" && is.stale === undefined
          })
        )
      }),
    minutes
  )
})
