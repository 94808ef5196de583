/** Searching and being mentioned, in the whole service over REST. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/App") {
  static readonly layer = Layer.effect(App, AppProcess.start())
}

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next_cursor: string | null
}

layer(App.layer, { excludeTestServices: true, timeout: "2 minutes" })("Search and mentions", (it) => {
  it.effect("finds messages of one conversation, or of all of one's own, page by page", () =>
    Effect.gen(function* () {
      const app = yield* App
      const [alice, bob, mallory] = [
        yield* Chat.person(app),
        yield* Chat.person(app),
        yield* Chat.person(app)
      ]
      const [first, second] = [yield* Chat.group(alice, bob), yield* Chat.group(alice)]
      const send = (id: string, n: number, content: string) =>
        alice.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, { content, client_random: n })
      const sent = [
        yield* send(first, 1, "The red door"),
        yield* send(second, 2, "A red herring"),
        yield* send(first, 3, "red, again")
      ]
      yield* send(first, 4, "blue")
      const find = (who: Chat.Person, path: string) => who.rest.ok<Page<Message>>("GET", `/api/v1/${path}`)
      const page = yield* find(alice, "messages/search?q=RED&limit=2")
      const rest = yield* find(alice, `messages/search?q=RED&limit=2&cursor=${page.next_cursor}`)
      assert.deepStrictEqual([...page.items, ...rest.items], [...sent].reverse())
      assert.isNull(rest.next_cursor)
      const within = yield* find(
        bob,
        `conversations/${first}/messages/search?q=${encodeURIComponent('"red door"')}`
      )
      assert.deepStrictEqual(within.items, sent.slice(0, 1))
      assert.deepStrictEqual((yield* find(mallory, "messages/search?q=red")).items, [])

      const refused = (path: string) =>
        Effect.map(mallory.rest.request("GET", `/api/v1/${path}`), ({ status }) => status)
      assert.strictEqual(yield* refused(`conversations/${first}/messages/search?q=red`), 403)
      for (const query of [
        "",
        "?q=",
        `?q=${"x".repeat(257)}`,
        "?q=a%00",
        "?q=red&cursor=x",
        "?q=red&limit=0"
      ]) {
        assert.strictEqual(yield* refused(`messages/search${query}`), 400, query)
      }
      assert.strictEqual(yield* refused("conversations/search?q=a%00"), 400)
    })
  )

  it.effect("counts unread mentions beside unread messages, and refuses what is no mention", () =>
    Effect.gen(function* () {
      const app = yield* App
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob)
      const path = `/api/v1/conversations/${id}`
      let random = 0
      const send = (mentions: unknown) =>
        alice.rest.request<Message & { readonly issues: ReadonlyArray<{ readonly path: string }> }>(
          "POST",
          `${path}/messages`,
          { content: "hello", client_random: random++, metadata: { mentions } }
        )
      yield* send([bob.user_id])
      yield* send([])
      const counts = Effect.map(
        bob.rest.ok<Page<{ readonly unread_count: number; readonly unread_mentions: number }>>(
          "GET",
          "/api/v1/conversations"
        ),
        ({ items }) => [items[0]?.unread_count, items[0]?.unread_mentions]
      )
      assert.deepStrictEqual(yield* counts, [2, 1])
      yield* bob.rest.ok("POST", `${path}/mark-as-read`)
      assert.deepStrictEqual(yield* counts, [0, 0])
      for (const mentions of ["bob", [1], ["bob"], Array.from({ length: 101 }, () => bob.user_id)]) {
        const answer = yield* send(mentions)
        assert.deepStrictEqual([answer.status, answer.body.issues[0]?.path], [400, "metadata.mentions"])
      }
    })
  )
})
