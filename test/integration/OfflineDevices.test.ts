/**
 * Several devices of several people that come and go: they write, edit and delete over REST, and know of what others do
 * by their user channel alone. Whatever the dice say, a device ends with what storage has, and is told nothing again
 * that it has acknowledged; on a single node, and on two with a Redis that falls in the middle. Meanwhile they found
 * clubs, rename and delete them, add and remove each other: a device takes over what the list says of those of which it
 * was told, and of no others, and ends with the list that storage has.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { ConversationView } from "../../src/domain/Conversation.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import type { ClientChannel } from "../support/PhoenixClient.ts"

/** Mulberry32. */
const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

interface Complete {
  readonly cursor: string
  readonly pending_count: number
  readonly conversations: ReadonlyArray<string>
}

const nameOf = ({ member_count, metadata }: ConversationView) => `${metadata.name} of ${member_count}`

/** The list of a person's conversations: ids with their names and sizes. */
const listOf = Effect.fnUntraced(function* ({ rest }: Chat.Person) {
  const page = yield* rest.ok<{
    readonly items: ReadonlyArray<ConversationView>
    readonly next_cursor: string | null
  }>("GET", "/api/v1/conversations?limit=200")
  assert.isNull(page.next_cursor)
  return new Map(page.items.map((item) => [item.id as string, nameOf(item)]))
})

/** Where a device is told of its list while it is connected. */
const LIST_EVENTS = [
  "conversation_created",
  "conversation_updated",
  "conversation_deleted",
  "member_added",
  "member_removed"
]

class Device {
  readonly name: string
  readonly person: Chat.Person
  readonly known = new Map<string, Message>()
  readonly faults: Array<string> = []
  readonly #app: AppProcess.RunningApp
  /** What it was told as missed, and has acknowledged: ids with their versions. */
  readonly #acknowledged = new Set<string>()
  /** Ids and names of conversations, as far as the device knows. */
  list: Map<string, string> | undefined
  /** Of which it was told that they have changed, and has not asked what they are now. */
  readonly #doubted = new Set<string>()
  #cursor: string | undefined
  #connection: { readonly scope: Scope.Closeable; readonly channel: ClientChannel } | undefined

  constructor(name: string, person: Chat.Person, app: AppProcess.RunningApp) {
    this.name = name
    this.person = person
    this.#app = app
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  #learn(message: Message): void {
    const before = this.known.get(message.id)
    if (before === undefined || before.version_seq < message.version_seq) this.known.set(message.id, message)
  }

  readonly connect = (acknowledges: boolean) =>
    Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(Chat.connect(this.#app, this.person), scope)
      const channel = client.channel(
        `user:${this.person.user_id}`,
        this.#cursor === undefined ? {} : { cursor: this.#cursor }
      )
      channel.raw.on("new_message", (message) => this.#learn(message as Message))
      for (const event of LIST_EVENTS)
        channel.raw.on(event, (payload) => {
          const told = payload as { readonly id: string } | { readonly conversation_id: string }
          this.#doubted.add("conversation_id" in told ? told.conversation_id : told.id)
        })
      this.#connection = { scope, channel }
      yield* channel.joined
      this.list ??= yield* listOf(this.person)
      const { conversations, cursor, pending_count } = yield* channel.next<Complete>("sync_complete", {
        deadline: 20_000
      })
      const pending = channel.received<Message>("pending_message")
      if (pending.length !== pending_count) this.faults.push(`${this.name} was told of ${pending_count}`)
      const versions = pending.map(({ id, version_seq }) => `${id} ${version_seq}`)
      for (const version of versions) {
        if (this.#acknowledged.has(version)) this.faults.push(`${this.name} was told again: ${version}`)
      }
      if (new Set(versions).size !== versions.length) this.faults.push(`${this.name} was told twice`)
      for (const message of pending) this.#learn(message)
      for (const id of conversations) this.#doubted.add(id)
      yield* this.#look
      if (!acknowledges) return
      this.#cursor = cursor
      for (const version of versions) this.#acknowledged.add(version)
      // While Redis is away nothing can be acknowledged there; the cursor says it at the next join.
      yield* Effect.ignore(channel.push("ack", { cursor }))
    })

  readonly #look = Effect.gen({ self: this }, function* () {
    if (this.#doubted.size === 0) return
    const doubted = [...this.#doubted]
    this.#doubted.clear()
    const stored = yield* listOf(this.person)
    for (const id of doubted) {
      const name = stored.get(id)
      if (name === undefined) this.list!.delete(id)
      else this.list!.set(id, name)
    }
  })

  readonly drop = Effect.suspend(() => {
    const connection = this.#connection
    this.#connection = undefined
    return connection === undefined ? Effect.void : Scope.close(connection.scope, Exit.void)
  })
}

const url = (conversationId: string) => `/api/v1/conversations/${conversationId}/messages`

/** Groups in which nobody writes, but that come and go, and people in them. */
class Clubs {
  readonly #people: ReadonlyArray<Chat.Person>
  readonly #owned = new Map<string, Array<string>>()

  constructor(people: ReadonlyArray<Chat.Person>) {
    this.#people = people
  }

  readonly found = (by: Chat.Person, other: Chat.Person, name: string) => {
    const members = { type: "group", member_ids: [other.user_id], metadata: { name } }
    return Effect.map(by.rest.ok<ConversationView>("POST", "/api/v1/conversations", members), ({ id }) => id)
  }

  readonly act = Effect.fnUntraced(
    { self: this },
    function* (by: Chat.Person, random: (below: number) => number, nextRandom: () => number) {
      const owned = this.#owned.get(by.user_id) ?? []
      this.#owned.set(by.user_id, owned)
      const others = this.#people.filter(({ user_id }) => user_id !== by.user_id)
      const other = others[random(others.length)]!
      const id = owned[random(Math.max(1, owned.length))]
      const name = `club ${nextRandom()}`
      const dice = random(100)
      const path = `/api/v1/conversations/${id}`
      if (id === undefined || dice < 20) owned.push(yield* this.found(by, other, name))
      // Another device of the same person may have been faster.
      else if (dice < 50) yield* by.rest.request("DELETE", `${path}/members/${other.user_id}`)
      else if (dice < 75) yield* by.rest.request("POST", `${path}/members`, { user_ids: [other.user_id] })
      else if (dice < 90) yield* by.rest.request("PATCH", path, { metadata: { name } })
      else yield* by.rest.request("DELETE", path)
    }
  )
}

/** One thing that happens to a device or that its person does with it. */
const act = Effect.fnUntraced(function* (
  device: Device,
  random: (below: number) => number,
  conversations: ReadonlyArray<string>,
  nextRandom: () => number,
  clubs: Clubs
) {
  const dice = random(120)
  if (dice < 15) return yield* device.isConnected ? device.drop : device.connect(random(10) < 7)
  if (dice >= 100) return yield* clubs.act(device.person, random, nextRandom)
  const own = [...device.known.values()].filter(
    (message) => message.sender_id === device.person.user_id && !message.is_deleted
  )
  const target = own[random(Math.max(1, own.length))]
  const { rest } = device.person
  if (dice < 65 || target === undefined) {
    const id = conversations[random(conversations.length)]!
    const client_random = nextRandom()
    yield* rest.ok("POST", url(id), { content: `${device.name} ${client_random}`, client_random })
  } else if (dice < 90) {
    // Another device of the same person may have deleted it meanwhile.
    yield* rest.request("PATCH", `${url(target.conversation_id)}/${target.id}`, {
      content: `${device.name} edits ${nextRandom()}`
    })
  } else {
    yield* rest.request("DELETE", `${url(target.conversation_id)}/${target.id}?scope=everyone`)
  }
})

const shown = (messages: Iterable<Message>) =>
  Object.fromEntries(
    [...messages].map(({ content, id, is_deleted, version_seq }) => [
      id,
      { content, is_deleted, version_seq }
    ])
  )

interface World {
  /** Devices are spread over these. */
  readonly nodes: ReadonlyArray<AppProcess.RunningApp>
  /** What happens in the middle. */
  readonly disaster: Effect.Effect<void, unknown>
}

const play = Effect.fnUntraced(function* ({ disaster, nodes }: World, seed: number) {
  const first = nodes[0]!
  const people = [yield* Chat.person(first), yield* Chat.person(first), yield* Chat.person(first)]
  const [a, b, c] = people as [Chat.Person, Chat.Person, Chat.Person]
  const [direct, group, other] = [
    yield* Chat.direct(a, b),
    yield* Chat.group(a, b, c),
    yield* Chat.group(b, c)
  ]
  const conversationsOf = [
    [direct, group],
    [direct, group, other],
    [group, other]
  ]
  const devices = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) =>
    Effect.map(
      Chat.person(first, { user_id: people[n % 3]!.user_id, device_id: `device-${n}` }),
      (person) => {
        const app = nodes[n % nodes.length]!
        return new Device(`device ${n}`, Chat.at(app, person), app)
      }
    )
  )
  for (const device of devices) yield* device.connect(true)
  let randoms = 0
  const clubs = new Clubs(people)
  const round = (salt: number) =>
    Effect.forEach(
      devices,
      (device, n) => {
        const random = randomOf(seed * 1_000 + salt * 100 + n)
        return Effect.forEach(
          Array.from({ length: 25 }),
          () => act(device, random, conversationsOf[n % 3]!, () => ++randoms, clubs),
          { discard: true }
        )
      },
      { concurrency: "unbounded", discard: true }
    )
  yield* round(1)
  yield* disaster
  yield* round(2)
  // The dice may have deleted all clubs.
  yield* clubs.found(a, b, `club ${++randoms}`)
  yield* clubs.found(c, b, `club ${++randoms}`)

  for (const device of devices) {
    yield* device.drop
    yield* device.connect(true)
  }
  assert.deepStrictEqual(
    devices.flatMap((device) => device.faults),
    []
  )
  for (const [n, device] of devices.entries()) {
    const stored: Array<Message> = []
    for (const id of conversationsOf[n % 3]!) stored.push(...(yield* Chat.history(device.person, id)))
    assert.isAbove(stored.length, 50)
    assert.deepStrictEqual(shown(device.known.values()), shown(stored), device.name)
    const list = yield* listOf(device.person)
    assert.isAbove(list.size, conversationsOf[n % 3]!.length, "no club is left")
    assert.deepStrictEqual(device.list, list, device.name)
    yield* device.drop
  }
})

const minutes = { timeout: 120_000 }

describe("Devices that come and go", () => {
  for (const seed of [1, 2]) {
    it.live(
      `end with what storage has, and are told nothing twice (one node, seed ${seed})`,
      () =>
        Effect.gen(function* () {
          const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
          yield* play({ nodes: [app], disaster: Effect.void }, seed)
        }),
      minutes
    )
  }

  it.live(
    "end with what storage has, and are told nothing twice (two nodes, a Redis that falls)",
    () =>
      Effect.gen(function* () {
        const { one, redis, two } = yield* Nodes.two({
          REDIS_TIMEOUT: "500 millis",
          REVOCATIONS_WHEN_REDIS_IS_DOWN: "open"
        })
        const nodes = [one, two]
        yield* play({ nodes, disaster: redis.kill9 }, 3)
        yield* redis.restart()
        yield* play({ nodes, disaster: Effect.andThen(redis.kill9, redis.restart()) }, 4)
      }),
    minutes
  )
})
