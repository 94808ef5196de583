/**
 * A device that was away, against the running service: what it missed comes after its join, once, and goes on from what
 * it acknowledged. On the embedded database and in memory; on Postgres with Redis on two nodes; and when Redis loses all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import type { ClientChannel } from "../support/PhoenixClient.ts"
import * as Poll from "../support/Poll.ts"

interface Complete {
  readonly pending_count: number
  readonly cursor: string
  readonly truncated: ReadonlyArray<string>
  readonly conversations: ReadonlyArray<string>
}

interface Reset {
  readonly reason: string
  readonly cursor: string
  readonly unread: { readonly total: number; readonly conversations: ReadonlyArray<unknown> }
}

const contents = (channel: ClientChannel) =>
  channel.received<Message>("pending_message").map(({ content }) => content)

let randoms = 0
const say = (by: Chat.Person, id: string, content: string) =>
  by.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, { content, client_random: ++randoms })

/** The person's device joins its user channel; after what it missed it goes away again, unless `stays`. */
const sync = Effect.fnUntraced(function* (app: AppProcess.RunningApp, person: Chat.Person, cursor?: string) {
  const client = yield* Chat.connect(app, person)
  const channel = yield* client.join(`user:${person.user_id}`, cursor === undefined ? {} : { cursor })
  const complete = yield* channel.next<Complete>("sync_complete")
  return { channel, complete, pending: contents(channel), client }
})

const visit = (app: AppProcess.RunningApp, person: Chat.Person, cursor?: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { channel, complete, pending } = yield* sync(app, person, cursor)
      yield* channel.push("ack", { cursor: complete.cursor })
      return { complete, pending }
    })
  )

/** The same for one node alone, and for several: `away` names the node where the receiver comes back. */
const scenario = Effect.fnUntraced(function* (here: AppProcess.RunningApp, away: AppProcess.RunningApp) {
  const alice = yield* Chat.person(here)
  const phone = yield* Chat.person(here, { device_id: "phone" })
  const bob = Chat.at(away, phone)
  const laptop = yield* Chat.person(here, { user_id: bob.user_id, device_id: "laptop" })
  const [first, second] = [yield* Chat.direct(alice, bob), yield* Chat.group(alice, bob)]

  // A user who was never here is told what nobody has acknowledged for them.
  yield* say(alice, first, "one")
  const start = yield* visit(away, bob)
  assert.deepStrictEqual(start.pending, ["one"])
  assert.strictEqual(start.complete.pending_count, 1)
  assert.deepStrictEqual((yield* visit(here, laptop)).pending, [])

  // In their present state, in order, of all conversations; each device for itself.
  const edited = yield* say(alice, first, "two")
  yield* say(alice, second, "three")
  yield* alice.rest.ok("PATCH", `/api/v1/conversations/${first}/messages/${edited.id}`, { content: "two!" })
  const back = yield* visit(away, bob, start.complete.cursor)
  assert.deepStrictEqual([...back.pending].sort(), ["three", "two!"])
  assert.deepStrictEqual((yield* visit(away, bob, back.complete.cursor)).pending, [])
  assert.deepStrictEqual((yield* visit(away, bob)).pending, [])
  assert.deepStrictEqual([...(yield* visit(here, laptop)).pending].sort(), ["three", "two!"])

  // What was not acknowledged comes again.
  yield* say(alice, first, "four")
  const unacknowledged = yield* Effect.scoped(sync(away, bob, back.complete.cursor))
  assert.deepStrictEqual(unacknowledged.pending, ["four"])
  assert.deepStrictEqual((yield* visit(away, bob, back.complete.cursor)).pending, ["four"])

  // Delivered is what a device has acknowledged.
  const { items } = yield* bob.rest.ok<{ readonly items: ReadonlyArray<{ readonly id: string }> }>(
    "GET",
    "/api/v1/conversations"
  )
  assert.strictEqual(items.length, 2)
  const client = yield* Chat.connect(here, alice)
  const joined = yield* client.join<{
    readonly current_seq: number
    readonly read_positions: Readonly<Record<string, { readonly last_delivered_seq: number }>>
  }>(`conversation:${first}`)
  assert.strictEqual(joined.reply.read_positions[bob.user_id]?.last_delivered_seq, joined.reply.current_seq)

  // A live device is told at once, and a ping says where it stands.
  const live = yield* sync(away, bob)
  yield* say(alice, first, "five")
  assert.strictEqual((yield* live.channel.next<Message>("new_message")).content, "five")
  const { cursor } = yield* live.channel.push<{ readonly cursor: string }>("ping")
  yield* live.channel.push("ack", { cursor })
  return { alice, bob, first }
})

/** A cursor after which nothing has changed: what was made just now is told until it is out of the clocks' margin. */
const quiet = (app: AppProcess.RunningApp, person: Chat.Person) =>
  Poll.until(
    Effect.map(visit(app, person), ({ complete }) =>
      complete.conversations.length === 0 ? complete.cursor : undefined
    ),
    { every: 500, what: "nothing to tell" }
  )

/** What became of a person's list of conversations, after `quiet`; `meanwhile` is done when they have left. */
const lists = Effect.fnUntraced(function* (
  here: AppProcess.RunningApp,
  away: AppProcess.RunningApp,
  meanwhile: Effect.Effect<unknown, unknown> = Effect.void
) {
  const alice = yield* Chat.person(here)
  const bob = Chat.at(away, yield* Chat.person(here, { device_id: "phone" }))
  const [untouched, renamed, configured, left, deleted] = [
    yield* Chat.group(alice, bob),
    yield* Chat.group(alice, bob),
    yield* Chat.group(alice, bob),
    yield* Chat.group(alice, bob),
    yield* Chat.group(alice, bob)
  ]
  const before = yield* Chat.group(alice)
  const path = (id: string) => `/api/v1/conversations/${id}`
  // To a device never seen nothing is told: it loads its list.
  const { complete } = yield* visit(away, bob)
  assert.deepStrictEqual(complete.conversations, [])
  const cursor = yield* quiet(away, bob)

  yield* meanwhile
  yield* alice.rest.ok("PATCH", path(renamed), { metadata: { name: "Tea" } })
  yield* alice.rest.ok("PATCH", `${path(configured)}/settings`, { slow_mode_seconds: 7 })
  yield* alice.rest.ok("DELETE", `${path(left)}/members/${bob.user_id}`)
  yield* alice.rest.ok("DELETE", path(deleted))
  yield* alice.rest.ok("POST", `${path(before)}/members`, { user_ids: [bob.user_id] })
  const made = yield* Chat.group(alice, bob)
  yield* say(alice, untouched, "a message changes no list")

  const all = [renamed, configured, left, deleted, before, made].sort()
  const { complete: back, pending } = yield* Effect.scoped(sync(away, bob, cursor))
  assert.deepStrictEqual([...back.conversations].sort(), all)
  assert.deepStrictEqual(pending, ["a message changes no list"])
  const statuses = yield* Effect.forEach(all, (id) =>
    Effect.map(bob.rest.request("GET", path(id)), ({ status }) => [id, status] as const)
  )
  const isGone = new Set([left, deleted])
  assert.deepStrictEqual(
    statuses,
    all.map((id) => [id, isGone.has(id) ? 403 : 200])
  )
  // What was not acknowledged comes again.
  assert.deepStrictEqual(
    [...(yield* Effect.scoped(sync(away, bob, cursor))).complete.conversations].sort(),
    all
  )
  return bob
})

/** What Redis does not answer in time cannot be acknowledged: a busy machine has more of it. One that is killed is gone at once. */
const REDIS_TIMEOUT = "20 seconds"

const minutes = { timeout: 120_000 }

describe("A device that was away", () => {
  it.live(
    "is told what it missed by a single node",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        yield* scenario(app, app)
      }),
    minutes
  )

  it.live(
    "is told by any node; to reset, when Redis has lost its queue; and from Postgres, while Redis is away",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* Nodes.two({ REDIS_TIMEOUT })
        const { alice, bob, first } = yield* scenario(one, two)
        const phone = Chat.at(two, yield* Chat.person(one, { user_id: bob.user_id, device_id: "phone" }))
        const before = yield* visit(two, phone)

        yield* redis.kill9
        yield* two.outputMatching(/Redis cannot be used/)
        yield* say(alice, first, "while Redis is away")
        const without = yield* Effect.scoped(sync(two, phone, before.complete.cursor))
        assert.deepStrictEqual(without.pending, ["while Redis is away"])

        yield* redis.restart({ empty: true })
        yield* Nodes.hasRedis(two)
        const client = yield* Chat.connect(two, phone)
        const channel = yield* client.join(`user:${phone.user_id}`, { cursor: before.complete.cursor })
        const reset = yield* channel.next<Reset>("sync_reset")
        assert.strictEqual(reset.reason, "lost")
        assert.isAbove(reset.unread.total, 0)
        assert.strictEqual(reset.unread.conversations.length, 2)
        yield* channel.push("ack", { cursor: reset.cursor })
      }),
    minutes
  )

  it.live(
    "is told which conversations came, went and changed, until it has acknowledged it",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
        // And after that no more.
        yield* quiet(app, yield* lists(app, app))
      }),
    minutes
  )

  it.live(
    "is told which conversations came, went and changed by any node, and while Redis is away",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* Nodes.two({
          REDIS_TIMEOUT,
          RATE_LIMITS: "off",
          REVOCATIONS_WHEN_REDIS_IS_DOWN: "open"
        })
        const fallen = Effect.andThen(redis.kill9, two.outputMatching(/Redis cannot be used/))
        yield* lists(one, two)
        yield* lists(one, two, fallen)
      }),
    minutes
  )

  it.live(
    "is told to reset when more conversations have changed than are told",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off", MAX_WATCHED_CONVERSATIONS: "3" } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const { complete } = yield* visit(app, bob)
        for (let i = 0; i < 3; i++) yield* Chat.group(alice, bob)
        const back = yield* visit(app, bob, complete.cursor)
        assert.lengthOf(back.complete.conversations, 3)
        yield* Chat.group(alice, bob)
        const client = yield* Chat.connect(app, bob)
        const channel = yield* client.join(`user:${bob.user_id}`, { cursor: back.complete.cursor })
        assert.strictEqual((yield* channel.next<Reset>("sync_reset")).reason, "trimmed")
      }),
    minutes
  )

  it.live(
    "is told of a long absence page by page, up to a bound",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { MAX_PENDING: "250" } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const [first, second] = [yield* Chat.direct(alice, bob), yield* Chat.group(alice, bob)]
        const { complete } = yield* visit(app, bob)
        for (let i = 0; i < 300; i++) yield* say(alice, first, `${i}`)
        for (let i = 0; i < 120; i++) yield* say(alice, second, `other ${i}`)
        const back = yield* visit(app, bob, complete.cursor)
        assert.deepStrictEqual(back.complete.truncated, [first])
        assert.deepStrictEqual(
          back.pending.filter((content) => !content?.startsWith("other")),
          Array.from({ length: 250 }, (_, i) => `${50 + i}`)
        )
        assert.deepStrictEqual(
          back.pending.filter((content) => content?.startsWith("other")),
          Array.from({ length: 120 }, (_, i) => `other ${i}`)
        )
        assert.strictEqual(back.complete.pending_count, 370)
      }),
    minutes
  )

  it.live(
    "is refused a cursor that is none when it acknowledges, and told to reset when it joins with one",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start()
        const bob = yield* Chat.person(app)
        const client = yield* Chat.connect(app, bob)
        const channel = yield* client.join(`user:${bob.user_id}`, { cursor: "nonsense" })
        assert.strictEqual((yield* channel.next<Reset>("sync_reset")).reason, "lost")
        for (const cursor of ["nonsense", "1-0.x", "99999999999999-0", "", 7]) {
          const refused = yield* Effect.flip(channel.push("ack", { cursor }))
          assert.deepInclude(refused.response, { reason: "invalid" })
        }
      }),
    minutes
  )
})
