/** The content policy on the running service, over REST and channels: one path, one answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

const minute = 60_000

interface Body {
  readonly id?: string
  readonly content?: string
  readonly reason?: string
  readonly rule?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

describe("The content policy", () => {
  it.live(
    "judges sends, edits and what conversations are called, and leaves encrypted content alone",
    () =>
      Effect.gen(function* () {
        const env = { BLOCKED_WORDS: "badword, other", CONTENT_RULES: "active_markup=reject" }
        const app = yield* AppProcess.start({ env })
        const [alice, bob] = yield* Effect.all([Chat.person(app), Chat.person(app)])
        const id = yield* Chat.group(alice, bob)
        const path = `/api/v1/conversations/${id}`
        let random = 0
        const send = (content: string, metadata = {}) =>
          alice.rest.request<Body>("POST", `${path}/messages`, { content, metadata, client_random: ++random })
        const refused = ({ body, status }: { readonly status: number; readonly body: Body }, rule: string) =>
          assert.deepStrictEqual([status, body.reason, body.rule], [422, "content_rejected", rule])

        const sent = yield* send("ta\u0000ke \u202Ethis")
        assert.deepStrictEqual([sent.status, sent.body.content], [201, "take this"])
        refused(yield* send("you bаdwоrd"), "blocked_words")
        refused(yield* send("<img src=x onerror=alert(1)>"), "active_markup")
        refused(yield* send("fine", { title: "badword" }), "blocked_words")
        assert.strictEqual((yield* send("badword", { encoding: "base64" })).status, 201)
        const encrypted = yield* send("badword", { encrypted: true })
        assert.strictEqual(encrypted.status, 201)

        const edit = (message: string | undefined, content: string) =>
          alice.rest.request<Body>("PATCH", `${path}/messages/${message}`, { content })
        refused(yield* edit(sent.body.id, "badword"), "blocked_words")
        assert.strictEqual((yield* edit(encrypted.body.id, "other")).status, 200, "it is encrypted still")

        refused(
          yield* alice.rest.request<Body>("PATCH", path, { metadata: { name: "badword" } }),
          "blocked_words"
        )
        const renamed = yield* alice.rest.request<Body>("PATCH", path, { metadata: { name: "Te\u0007am" } })
        assert.deepStrictEqual(renamed.body.metadata, { name: "Team" })

        const socket = yield* Chat.connect(app, alice)
        const channel = yield* socket.join(`conversation:${id}`)
        const reply = yield* Effect.flip(
          channel.push("send_message", { content: "badword", client_random: 99 })
        )
        assert.deepInclude(reply, { response: { reason: "content_rejected", rule: "blocked_words" } })
      }),
    minute
  )
})
