/**
 * Messages that expire in the whole service, over two nodes of which one is killed: nobody reads them when their time
 * is over, and each goes with one event and one number.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

interface Joined {
  readonly current_seq: number
  readonly messages: ReadonlyArray<Message>
}

interface Pins {
  readonly items: ReadonlyArray<unknown>
}

describe("Messages that expire", () => {
  it.live(
    "are read by nobody when their time is over, before anything has deleted them",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RETENTION_INTERVAL: "1 hour" } })
        const [alice, bob] = [yield* Chat.person(app), yield* Chat.person(app)]
        const id = yield* Chat.group(alice, bob)
        const path = `/api/v1/conversations/${id}`
        const media_id = "018f6f2c-0000-7000-8000-000000000001"
        // Long enough to be pinned meanwhile on a busy machine.
        const sent = yield* alice.rest.ok<Message>("POST", `${path}/messages`, {
          content: "soon gone",
          client_random: 1,
          expires_in: 8,
          attachments: [{ media_id, media_type: "image" }]
        })
        assert.strictEqual(Date.parse(sent.expires_at ?? "") - Date.parse(sent.sent_at), 8000)
        yield* alice.rest.ok("POST", `${path}/messages/${sent.id}/pin`)
        const one = `${path}/messages/${sent.id}`
        yield* Poll.until(Effect.map(bob.rest.ok<Message>("GET", one), (message) => message.is_deleted))
        const [message] = yield* Chat.history(bob, id)
        assert.deepInclude(message, { content: null, is_deleted: true, is_pinned: false, attachments: [] })
        assert.strictEqual(message?.version_seq, 2)
        assert.isEmpty((yield* bob.rest.ok<Pins>("GET", `${path}/pinned-messages`)).items)
        assert.isEmpty((yield* bob.rest.ok<Pins>("GET", `${path}/attachments`)).items)
        const list = yield* bob.rest.ok<{ readonly items: ReadonlyArray<{ readonly unread_count: number }> }>(
          "GET",
          "/api/v1/conversations"
        )
        assert.strictEqual(list.items[0]?.unread_count, 0)
        const socket = yield* Chat.connect(app, bob)
        const channel = yield* socket.join<Joined>(`conversation:${id}`)
        assert.isNull((yield* channel.joins.next()).messages[0]?.content)
        const edit = yield* alice.rest.request("PATCH", one, { content: "still here" })
        assert.strictEqual(edit.status, 409)
        for (const expires_in of [0, -1, 1.5, 366 * 24 * 3600]) {
          const body = { content: "never", client_random: 2, expires_in }
          assert.strictEqual((yield* alice.rest.request("POST", `${path}/messages`, body)).status, 400)
        }
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "go once, each with a number of its own, whichever node is killed",
    () =>
      Effect.gen(function* () {
        const COUNT = 40
        const { one, two } = yield* Nodes.two({
          RETENTION_INTERVAL: "50 millis",
          RETENTION_BATCH: "7",
          WORK_LEASE: "1 second"
        })
        const alice = yield* Chat.person(one)
        const bob = Chat.at(two, yield* Chat.person(one))
        const id = yield* Chat.group(alice, bob)
        const socket = yield* Chat.connect(two, bob)
        const channel = yield* socket.join<Joined>(`conversation:${id}`)
        const send = (n: number) =>
          alice.rest.ok<Message>("POST", `/api/v1/conversations/${id}/messages`, {
            content: `${n}`,
            client_random: n,
            expires_in: 2
          })
        yield* Effect.forEach(
          Array.from({ length: COUNT }, (_, n) => n),
          send,
          { concurrency: 8 }
        )
        // The node that has the lease from its start on dies as soon as it has begun.
        yield* channel.next<Message>("message_deleted")
        yield* one.kill()
        const history = Chat.history(bob, id)
        const gone = yield* Poll.until(
          Effect.map(history, (messages) =>
            messages.every(({ seq, version_seq }) => version_seq > seq) ? messages : undefined
          ),
          { deadline: 20_000 }
        )
        // The first may have gone before the last was sent.
        assert.deepStrictEqual(
          gone.flatMap(({ seq, version_seq }) => [seq, version_seq]).sort((a, b) => a - b),
          Array.from({ length: 2 * COUNT }, (_, n) => n + 1)
        )
        const { last_seq } = yield* bob.rest.ok<{ readonly last_seq: number }>(
          "GET",
          `/api/v1/conversations/${id}`
        )
        assert.strictEqual(last_seq, 2 * COUNT)
      }).pipe(Effect.scoped),
    120_000
  )
})
