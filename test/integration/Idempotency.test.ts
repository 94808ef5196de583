/** `Idempotency-Key` in the whole service: on two nodes at once, and after a restart. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type { ConversationView } from "../../src/domain/Conversation.ts"
import type { Message } from "../../src/domain/Message.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import type { Answer } from "../support/RestClient.ts"

const LIST = "/api/v1/conversations"

interface Page {
  readonly items: ReadonlyArray<{ readonly id: string }>
}

const post = <A>(by: Chat.Person, path: string, key: string, body: unknown) =>
  by.rest.request<A & { readonly reason?: string }>("POST", path, body, { "idempotency-key": key })

const listOf = (by: Chat.Person) => Effect.map(by.rest.ok<Page>("GET", LIST), ({ items }) => items)

describe("Idempotency-Key on two nodes", () => {
  it.live(
    "what is asked many times at once, on both, is done once and answered alike",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* Nodes.two()
        const alice = yield* Chat.person(one)
        const there = Chat.at(two, alice)
        const bob = yield* Chat.person(one)
        const body = { type: "group", member_ids: [bob.user_id] }
        const ask = (n: number) => post<ConversationView>(n % 2 === 0 ? alice : there, LIST, "create", body)

        const answers = yield* Effect.all(
          Array.from({ length: 16 }, (_, n) => ask(n)),
          { concurrency: "unbounded" }
        )
        for (const { body, status } of answers) {
          if (status !== 201) assert.deepStrictEqual([status, body.reason], [409, "conflict"])
        }
        const ids = new Set(answers.flatMap(({ body, status }) => (status === 201 ? [body.id] : [])))
        assert.strictEqual(ids.size, 1)
        const retries = [yield* ask(0), yield* ask(1)]
        for (const retry of retries) {
          assert.strictEqual(retry.status, 201)
          assert.strictEqual(retry.headers.get("idempotency-replayed"), "true")
          assert.strictEqual(retry.headers.get("location"), `${LIST}/${[...ids][0]}`)
        }
        assert.deepStrictEqual(retries[0]!.body, retries[1]!.body)
        assert.lengthOf(yield* listOf(alice), 1)

        const other = yield* post(there, LIST, "create", { ...body, metadata: { name: "other" } })
        assert.deepStrictEqual([other.status, other.body.reason], [422, "idempotency_key_reused"])
        assert.strictEqual((yield* post(bob, LIST, "create", body)).status, 201, "bob has keys of his own")
        assert.lengthOf(yield* listOf(alice), 1)

        // A refusal is not kept: what was not there is added when it is.
        const members = `${LIST}/${[...ids][0]}/members`
        const add = post(bob, members, "add", { user_ids: [(yield* Chat.person(one)).user_id] })
        assert.strictEqual((yield* add).status, 403)
        yield* alice.rest.ok("PATCH", `${members}/${bob.user_id}`, { role: "admin" })
        assert.strictEqual((yield* add).status, 201)
        assert.strictEqual((yield* add).status, 201, "and not 200, as it would be without a key")

        // Messages are remembered by what they are.
        const messages = `${LIST}/${[...ids][0]}/messages`
        const sent = yield* post<Message>(alice, messages, "send", { content: "hello" })
        const again = yield* post<Message>(there, messages, "send", { content: "hello" })
        assert.deepStrictEqual([sent.status, again.status, again.body.id], [201, 200, sent.body.id])
        assert.strictEqual((yield* post(there, messages, "send", { content: "other" })).status, 422)
      }),
    120_000
  )

  it.live(
    "what was under way when its node was killed is done once, by whoever asks again",
    () =>
      Effect.gen(function* () {
        const { one, two } = yield* Nodes.two({
          IDEMPOTENCY_LEASE: "2 seconds",
          RATE_LIMIT_GROUP_CREATION: "off"
        })
        const alice = yield* Chat.person(one)
        const there = Chat.at(two, alice)
        const body = { type: "group", member_ids: [] }
        const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`)
        const create = (by: Chat.Person, key: string) => post<ConversationView>(by, LIST, key, body)

        const answered: Array<string> = []
        const someAreDone = yield* Deferred.make<void>()
        const noted = ({ body, status }: Answer<ConversationView>) =>
          Effect.suspend(() => {
            if (status === 201) answered.push(body.id)
            return answered.length < 10 ? Effect.void : Deferred.succeed(someAreDone, undefined)
          })
        yield* Effect.all(
          [
            Effect.forEach(keys, (key) => Effect.exit(Effect.flatMap(create(alice, key), noted)), {
              concurrency: 8
            }).pipe(Effect.ensuring(Deferred.succeed(someAreDone, undefined))),
            Effect.andThen(Deferred.await(someAreDone), one.kill())
          ],
          { concurrency: 2 }
        )
        assert.isAtLeast(answered.length, 10)
        assert.isBelow(answered.length, keys.length)

        // 201 or, of what the dead node had created and not answered, 200.
        const ids = yield* Effect.forEach(keys, (key) =>
          Poll.until(Effect.map(create(there, key), ({ body, status }) => status < 300 && body.id))
        )
        const { items } = yield* there.rest.ok<Page>("GET", `${LIST}?limit=200`)
        assert.sameMembers(
          items.map(({ id }) => id),
          ids
        )
        assert.includeMembers<string>(ids, answered)
      }),
    120_000
  )
})
