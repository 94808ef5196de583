/** A test of one's own against the whole service, in the test's process: `npx vitest examples/layer.test.ts`. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Forbidden } from "../src/domain/Errors.ts"
import { MediaId } from "../src/domain/Ids.ts"
import { Media } from "../src/domain/ports/Media.ts"
import * as TestApp from "../src/testing/TestApp.ts"

const cat = MediaId.make(crypto.randomUUID())

/** A media service that knows nothing but one cat. */
const cats = Layer.succeed(
  Media,
  Media.of({
    check: (_userId, _conversationId, mediaIds) =>
      mediaIds.every((id) => id === cat)
        ? Effect.void
        : Effect.fail(new Forbidden({ rule: "media:cats_only" })),
    linked: () => Effect.void
  })
)

layer(TestApp.layer({ replace: [TestApp.replace(Media, cats)] }), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("Attachments", (it) => {
  it.effect("are what the media service allows", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const { token } = yield* app.token()
      const post = (path: string, body: object) =>
        Effect.promise(() =>
          fetch(app.url + path, {
            method: "POST",
            headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
            body: JSON.stringify(body)
          })
        )
      const created = yield* post("/api/v1/conversations", {
        type: "group",
        member_ids: [crypto.randomUUID()]
      })
      const { id } = yield* Effect.promise(() => created.json() as Promise<{ readonly id: string }>)
      const attach = (client_random: number, media_id: string) =>
        Effect.map(
          post(`/api/v1/conversations/${id}/messages`, {
            content: "look",
            client_random,
            message_type: "media",
            attachments: [{ media_id, media_type: "image" }]
          }),
          ({ status }) => status
        )
      assert.strictEqual(yield* attach(1, cat), 201)
      assert.strictEqual(yield* attach(2, crypto.randomUUID()), 403)
    })
  )
})
