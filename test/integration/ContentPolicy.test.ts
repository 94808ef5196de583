/** The content policy on the running service, over REST and channels: one path, one answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

const minutes = 120_000

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

        const attachment = (name: string) => ({
          media_id: crypto.randomUUID(),
          media_type: "document",
          metadata: { name }
        })
        const attached = { content: "see", client_random: 50, attachments: [attachment("badword.pdf")] }
        refused(yield* alice.rest.request<Body>("POST", `${path}/messages`, attached), "blocked_words")
        const attach = (name: string) =>
          alice.rest.request<Body>("POST", `${path}/messages/${sent.body.id}/attachments`, attachment(name))
        refused(yield* attach("badword.pdf"), "blocked_words")
        assert.strictEqual((yield* attach("fine.pdf")).status, 201)

        const socket = yield* Chat.connect(app, alice)
        const channel = yield* socket.join(`conversation:${id}`)
        const reply = yield* Effect.flip(
          channel.push("send_message", { content: "badword", client_random: 99 })
        )
        assert.deepInclude(reply, { response: { reason: "content_rejected", rule: "blocked_words" } })
      }),
    minutes
  )

  it.live(
    "is one path with the limits: what conversations are called is as large, and as often, as messages may be",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({
          env: { RATE_LIMITS: "on", RATE_LIMIT_MESSAGE: "3 per 1 hour" }
        })
        const [alice, bob] = yield* Effect.all([Chat.person(app), Chat.person(app)])
        const id = yield* Chat.direct(alice, bob)
        const call = (name: string) =>
          Effect.map(
            alice.rest.request<Body>("PATCH", `/api/v1/conversations/${id}`, { metadata: { name } }),
            ({ body, status }) => [status, body.reason]
          )
        const large = "x".repeat(65 * 1024)
        assert.deepStrictEqual(yield* call(large), [413, "message_too_large"])
        const group = { member_ids: [bob.user_id], metadata: { name: large } }
        assert.strictEqual((yield* alice.rest.request("POST", "/api/v1/groups", group)).status, 413)
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* call(`name ${i}`), [200, undefined])
        assert.deepStrictEqual(yield* call("once more"), [429, "rate_limited"])
      }),
    minutes
  )
})
