/**
 * Several devices of several people, in one conversation, all at once: they write, edit, delete, react and pin while
 * their connections break. In the end everybody has seen one row of events without a gap, every device shows what
 * those events make of the messages, and so does storage.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Changed } from "../../src/domain/Changes.ts"
import type { Sent } from "../../src/domain/Commands.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Poll from "../support/Poll.ts"
import { applyTo, type Device, device } from "./Device.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/integration/Devices") {
  static readonly layer = Layer.effect(App, AppProcess.start({ env: { RATE_LIMITS: "off" } }))
}

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

const REACTIONS = ["👍", "🎉", "❤️"]

interface Asked {
  readonly event: string
  readonly by: string
  readonly payload: { readonly message_id: string } & Readonly<Record<string, unknown>>
  readonly number: number
}

/** What was acknowledged, to be found again in the events. */
class Ledger {
  readonly sent = new Map<number, { readonly by: string; readonly content: string; readonly seq: number }>()
  readonly changed: Array<Asked> = []
  readonly hidden = new Map<string, Set<string>>()
  readonly faults: Array<string> = []
  #randoms = 0

  nextRandom(): number {
    return ++this.#randoms
  }

  hides(userId: string): Set<string> {
    const hidden = this.hidden.get(userId) ?? new Set()
    this.hidden.set(userId, hidden)
    return hidden
  }
}

/** One thing a person does on a device, until it is answered. */
const act = Effect.fnUntraced(function* (
  who: Device,
  random: (below: number) => number,
  ledger: Ledger,
  isOwner: boolean
) {
  const by = who.person.user_id
  const messages = [...who.known.values()]
  const dice = random(100)
  if (dice < 6) return yield* who.drop
  const message = messages[random(Math.max(1, messages.length))]
  if (dice < 40 || message === undefined) {
    const client_random = ledger.nextRandom()
    const content = `${who.name} ${client_random}`
    const reply = message !== undefined && random(3) === 0 ? { reply_to_id: message.id } : {}
    const { response } = yield* who.ask<Sent>("send_message", { content, client_random, ...reply })
    if (response === undefined) return void ledger.faults.push(`${content} was refused`)
    ledger.sent.set(client_random, { by, content, seq: response.seq })
    return
  }
  const message_id = message.id
  const isOwn = message.sender_id === by
  const reaction = REACTIONS[random(REACTIONS.length)]!
  const [event, payload, forbidden] =
    dice < 60
      ? (["edit_message", { content: `${who.name} edit ${random(1e9)}` }, !isOwn] as const)
      : dice < 65
        ? (["delete_message", { scope: "everyone" }, !isOwn && !isOwner] as const)
        : dice < 70
          ? (["delete_message", { scope: "me" }, false] as const)
          : dice < 83
            ? (["add_reaction", { reaction }, false] as const)
            : dice < 92
              ? (["remove_reaction", { reaction }, false] as const)
              : dice < 97
                ? (["pin_message", {}, !isOwner] as const)
                : (["unpin_message", {}, !isOwner] as const)
  const { attempts, refused, response } = yield* who.ask<Changed>(event, { message_id, ...payload })
  if (forbidden && refused !== "forbidden" && refused !== "not_found")
    ledger.faults.push(`${who.name} was let do ${event}`)
  // Another device may have deleted it, for everyone or for this person, in the meantime.
  if (!forbidden && refused !== undefined && refused !== "conflict" && refused !== "not_found")
    ledger.faults.push(`${event} was refused: ${refused}`)
  if (response === undefined) return
  if ("scope" in payload && payload.scope === "me") {
    who.hid(message_id)
    ledger.hides(by).add(message_id)
  } else if (response.changed && attempts === 1) {
    ledger.changed.push({ event, by, payload: { message_id, ...payload }, number: response.version_seq })
  }
})

const sorted = (messages: Iterable<Message>) =>
  [...messages]
    .sort((a, b) => a.seq - b.seq)
    .map((m) => ({
      ...m,
      reactions: m.reactions
        .map((r) => ({ ...r, user_ids: [...r.user_ids].sort() }))
        .sort((a, b) => (a.reaction < b.reaction ? -1 : 1))
    }))

const pastTense: Readonly<Record<string, string>> = {
  edit_message: "message_edited",
  delete_message: "message_deleted",
  add_reaction: "reaction_added",
  remove_reaction: "reaction_removed",
  pin_message: "message_pinned",
  unpin_message: "message_unpinned"
}

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Several devices at once", (it) => {
  for (const seed of [1, 2, 3]) {
    it.effect(
      `end with one view, which is what storage holds, whatever they do and lose (seed ${seed})`,
      () =>
        Effect.gen(function* () {
          const app = yield* App
          const ann = yield* Chat.person(app)
          const people = [ann, yield* Chat.person(app), yield* Chat.person(app)]
          const id = yield* Chat.group(ann, ...people.slice(1))
          const observer = yield* device(
            app,
            "observer",
            yield* Chat.person(app, { user_id: ann.user_id }),
            id
          )
          const devices = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) =>
            Effect.flatMap(Chat.person(app, { user_id: people[n % 3]!.user_id }), (person) =>
              device(app, `device ${n}`, person, id)
            )
          )
          yield* Poll.until(() => [observer, ...devices].every((d) => d.resumes > 0))
          const ledger = new Ledger()
          // Two hands per device, each with dice of its own.
          yield* Effect.forEach(
            [...devices, ...devices],
            (who, n) => {
              const random = randomOf(seed * 100 + n)
              return Effect.forEach(
                Array.from({ length: 25 }),
                () => act(who, random, ledger, who.person.user_id === ann.user_id),
                { discard: true }
              )
            },
            { concurrency: "unbounded", discard: true }
          )

          const all = [observer, ...devices]
          const end = (yield* ann.rest.ok<{ readonly last_seq: number }>(
            "GET",
            `/api/v1/conversations/${id}`
          )).last_seq
          yield* Poll.until(() => all.every((d) => d.position === end), { what: "everybody caught up" })
          assert.deepStrictEqual([...ledger.faults, ...all.flatMap((d) => d.faults)], [])
          assert.isAbove(
            devices.reduce((sum, d) => sum + d.resumes, 0),
            devices.length
          )

          // The observer never lost its connection: it was told of everything, in one row.
          assert.strictEqual(observer.resumes, 1)
          assert.deepStrictEqual(
            observer.log.map((told) => told.seq),
            Array.from({ length: end }, (_, i) => i + 1)
          )
          const model = new Map<string, Message>()
          for (const told of observer.log) applyTo(model, told)
          const sends = observer.log.filter((told) => told.event === "new_message")
          assert.strictEqual(sends.length, ledger.sent.size)
          for (const { payload, seq } of sends) {
            const { client_random, content, sender_id } = payload as Message
            assert.deepStrictEqual(ledger.sent.get(client_random), { by: sender_id, content: content!, seq })
          }
          for (const { by, event, number, payload } of ledger.changed) {
            const told = observer.log[number - 1]!
            assert.strictEqual(told.event, pastTense[event])
            const body = told.payload as Readonly<Record<string, unknown>>
            assert.strictEqual(body.message_id ?? body.id, payload.message_id)
            if (event === "edit_message")
              assert.deepStrictEqual([body.content, body.sender_id], [payload.content, by])
            if (event.endsWith("reaction"))
              assert.deepStrictEqual([body.reaction, body.user_id], [payload.reaction, by])
          }

          for (const person of people) {
            const hidden = ledger.hides(person.user_id)
            const expected = sorted([...model.values()].filter((m) => !hidden.has(m.id)))
            const own = all.filter((d) => d !== observer && d.person.user_id === person.user_id)
            yield* Poll.until(() => own.every((d) => d.known.size === expected.length)).pipe(Effect.ignore)
            for (const one of own) assert.deepStrictEqual(sorted(one.known.values()), expected, one.name)
            assert.deepStrictEqual(sorted(yield* Chat.history(person, id)), expected)
          }
        })
    )
  }
})
