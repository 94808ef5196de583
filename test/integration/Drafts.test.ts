/** Drafts in the whole service: saved over REST by one device, told to the others. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Draft } from "../../src/domain/Draft.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"

interface Updated {
  readonly conversation_id: string
  readonly draft: Draft | null
}

describe("Drafts", () => {
  it.live(
    "are the same on all devices of their user, and nobody else's",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { MAX_DRAFTS: "1" } })
        const [alice, bob, mallory] = [
          yield* Chat.person(app),
          yield* Chat.person(app),
          yield* Chat.person(app)
        ]
        const id = yield* Chat.group(alice, bob)
        const tablet = yield* Chat.connect(app, alice)
        const channel = yield* tablet.join(`user:${alice.user_id}`)
        const path = `/api/v1/conversations/${id}/draft`
        const saved = yield* alice.rest.ok<Draft>("PUT", path, { content: "Dear Bo", metadata: { a: 1 } })
        assert.deepStrictEqual(yield* channel.next<Updated>("draft_updated"), {
          conversation_id: id,
          draft: saved
        })
        assert.deepStrictEqual(yield* alice.rest.ok<Draft>("GET", path), saved)
        const list = alice.rest.ok<{ readonly items: ReadonlyArray<Draft> }>("GET", "/api/v1/drafts")
        assert.deepStrictEqual((yield* list).items, [saved])

        const status = (who: Chat.Person, method: string, at: string, body?: unknown) =>
          Effect.map(who.rest.request(method, at, body), (answer) => answer.status)
        assert.strictEqual(yield* status(bob, "GET", path), 404)
        assert.strictEqual(yield* status(mallory, "GET", path), 403)
        assert.strictEqual(yield* status(mallory, "PUT", path, { content: "x" }), 403)
        assert.strictEqual(yield* status(alice, "PUT", path, { content: "x".repeat(65_537) }), 400)
        const other = `/api/v1/conversations/${yield* Chat.group(alice)}/draft`
        assert.strictEqual(yield* status(alice, "PUT", other, { content: "one too many" }), 409)

        yield* alice.rest.ok("DELETE", path)
        assert.deepStrictEqual(yield* channel.next<Updated>("draft_updated"), {
          conversation_id: id,
          draft: null
        })
        yield* alice.rest.ok("DELETE", path)
        assert.deepStrictEqual((yield* list).items, [])
      }).pipe(Effect.scoped),
    120_000
  )
})
