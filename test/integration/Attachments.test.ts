/** Attachments in the whole service: what is attached by a socket or over REST, everybody sees, and a resume brings. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { MediaId } from "../../src/domain/Ids.ts"
import type { Attachment, Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

class App extends Context.Service<App, AppProcess.RunningApp>()("test/App") {
  static readonly layer = Layer.effect(App, AppProcess.start())
}

const mediaId = (n: number) => MediaId.make(`018f6f2c-0000-7000-8000-${String(n).padStart(12, "0")}`)
const image = (n: number) => ({ media_id: mediaId(n), media_type: "image" })

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next_cursor: string | null
}

layer(App.layer, { excludeTestServices: true, timeout: "60 seconds" })("Attachments", (it) => {
  it.effect("come with a message and after it, to sockets, in the history and in a resume", () =>
    Effect.gen(function* () {
      const app = yield* App
      const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
      const id = yield* Chat.group(alice, bob)
      const path = `/api/v1/conversations/${id}`
      const socket = yield* Chat.connect(app, bob)
      const channel = yield* socket.join(`conversation:${id}`)
      const sent = yield* alice.rest.ok<Message>("POST", `${path}/messages`, {
        content: "",
        client_random: 1,
        message_type: "media",
        attachments: [image(1), { ...image(2), metadata: { width: 640 } }]
      })
      assert.deepStrictEqual(
        sent.attachments.map(({ media_id, metadata }) => ({ media_id, metadata })),
        [
          { media_id: mediaId(1), metadata: {} },
          { media_id: mediaId(2), metadata: { width: 640 } }
        ]
      )
      assert.deepStrictEqual(yield* channel.next<Message>("new_message"), sent)

      const of = `${path}/messages/${sent.id}/attachments`
      const linked = yield* alice.rest.request<Message>("POST", of, image(3))
      assert.deepStrictEqual([linked.status, linked.body.version_seq], [201, 2])
      const again = yield* alice.rest.request<Message>("POST", of, image(3))
      assert.deepStrictEqual([again.status, again.body], [200, linked.body])
      const added = yield* channel.next<{ readonly seq: number; readonly attachment: Attachment }>(
        "attachment_added"
      )
      assert.deepStrictEqual([added.seq, added.attachment], [2, linked.body.attachments[2]])

      const refused = yield* bob.rest.request<{ readonly rule: string }>("POST", of, image(4))
      assert.deepStrictEqual([refused.status, refused.body.rule], [403, "attach:sender_only"])
      assert.deepStrictEqual((yield* bob.rest.ok<Page<Attachment>>("GET", of)).items, linked.body.attachments)

      const late = yield* Chat.connect(app, bob)
      const resumed = yield* late.join<{ readonly messages: ReadonlyArray<Message> }>(`conversation:${id}`, {
        last_seq: 1
      })
      assert.deepStrictEqual((yield* resumed.joins.next()).messages, [linked.body])
    })
  )

  it.effect(
    "are listed for the whole conversation, page by page, without what one has deleted for oneself",
    () =>
      Effect.gen(function* () {
        const app = yield* App
        const [alice, mallory] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.group(alice)
        const path = `/api/v1/conversations/${id}`
        const send = (n: number, ...attachments: ReadonlyArray<object>) =>
          alice.rest.ok<Message>("POST", `${path}/messages`, {
            content: `${n}`,
            client_random: n,
            attachments
          })
        yield* send(1, image(1), image(2))
        const hidden = yield* send(2, image(3))
        yield* send(3)
        yield* send(4, image(4), image(5))
        yield* alice.rest.ok("DELETE", `${path}/messages/${hidden.id}`)
        const list = (query: string) =>
          alice.rest.ok<Page<Attachment & { readonly seq: number }>>(
            "GET",
            `${path}/attachments?limit=3${query}`
          )
        const first = yield* list("")
        const second = yield* list(`&cursor=${first.next_cursor}`)
        assert.deepStrictEqual(
          [...first.items, ...second.items].map((item) => [item.seq, item.media_id]),
          [
            [4, mediaId(5)],
            [4, mediaId(4)],
            [1, mediaId(2)],
            [1, mediaId(1)]
          ]
        )
        assert.isNull(second.next_cursor)
        assert.strictEqual((yield* alice.rest.request("GET", `${path}/attachments?cursor=x`)).status, 400)
        assert.strictEqual((yield* mallory.rest.request("GET", `${path}/attachments`)).status, 403)
      })
  )

  it.effect("are refused where they are too many or no media", () =>
    Effect.gen(function* () {
      const app = yield* App
      const alice = yield* Chat.person(app)
      const id = yield* Chat.group(alice)
      for (const attachments of [
        Array.from({ length: 33 }, (_, n) => image(n)),
        [{ media_id: mediaId(1) }],
        [{ ...image(1), metadata: { text: "x".repeat(4096) } }]
      ]) {
        const body = { content: "", client_random: 1, attachments }
        const answer = yield* alice.rest.request("POST", `/api/v1/conversations/${id}/messages`, body)
        assert.strictEqual(answer.status, 400)
      }
    })
  )
})
