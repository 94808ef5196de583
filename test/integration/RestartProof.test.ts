/**
 * The first promise, by force: the server is killed with SIGKILL in the middle of a burst of sends and started again
 * on the same database. Every message it acknowledged must be there, once, under the number it was acknowledged with.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { MessageId } from "../../src/domain/Ids.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as Chat from "../support/Chat.ts"
import * as MadeDirectory from "../support/MadeDirectory.ts"
import * as Poll from "../support/Poll.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as TempDir from "../support/TempDir.ts"

/** Acknowledgements after which the server is killed, and sends kept under way until then. */
const ACKNOWLEDGED = 300
const UNDER_WAY = 100

interface Sent {
  readonly seq: number
  readonly message_id: MessageId
  readonly duplicate: boolean
}

const proof = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>) {
  const app = yield* AppProcess.start({ env })
  const alice = yield* Chat.person(app)
  const bob = yield* Chat.person(app)
  const id = yield* Chat.direct(alice, bob)
  const socket = yield* Chat.connect(app, alice)
  const channel = yield* socket.join(`conversation:${id}`)

  const acknowledged = new Map<number, Sent>()
  const unacknowledged = new Set<number>()
  let isOver = false
  const send = (): void => {
    if (isOver) return
    const clientRandom = acknowledged.size + unacknowledged.size
    unacknowledged.add(clientRandom)
    channel.raw
      .push("send_message", { content: `message ${clientRandom}`, client_random: clientRandom }, 60_000)
      .receive("ok", (response) => {
        unacknowledged.delete(clientRandom)
        acknowledged.set(clientRandom, response as Sent)
        send()
      })
  }
  for (let i = 0; i < UNDER_WAY; i++) send()
  yield* Poll.until(() => acknowledged.size >= ACKNOWLEDGED, { deadline: 30_000 })
  yield* app.kill("SIGKILL")
  isOver = true
  socket.destroy()
  assert.isAbove(unacknowledged.size, 0, "the kill must come in the middle of the burst")

  const again = yield* AppProcess.start({ env })
  const stored = yield* Chat.history(Chat.at(again, alice), id)
  const byRandom = new Map(stored.map((message) => [message.client_random, message]))
  assert.strictEqual(byRandom.size, stored.length, "no message is there twice")
  assert.deepStrictEqual(
    stored.map((message) => message.seq),
    stored.map((_, index) => index + 1),
    "the order has no gap"
  )
  for (const [clientRandom, sent] of acknowledged) {
    const message = byRandom.get(clientRandom)
    const { content, id: messageId, seq } = message ?? {}
    assert.deepStrictEqual(
      { content, messageId, seq },
      { content: `message ${clientRandom}`, messageId: sent.message_id, seq: sent.seq }
    )
  }

  // What was not acknowledged may be there or not; sending it again settles that, and doubles nothing.
  const retrying = yield* Chat.connect(again, alice)
  const rejoined = yield* retrying.join(`conversation:${id}`, { last_seq: 0 })
  for (const clientRandom of unacknowledged) {
    const content = `message ${clientRandom}`
    const sent = yield* rejoined.push<Sent>("send_message", { content, client_random: clientRandom })
    assert.strictEqual(sent.duplicate, byRandom.has(clientRandom))
  }
  const all = yield* Chat.history(Chat.at(again, bob), id)
  assert.strictEqual(all.length, acknowledged.size + unacknowledged.size)
  assert.deepStrictEqual(
    all.map((message) => message.seq),
    all.map((_, index) => index + 1)
  )
})

const minutes = { timeout: 120_000 }

describe("A SIGKILL in the middle of a burst", () => {
  it.live(
    "loses nothing that was acknowledged, on the embedded database",
    () =>
      Effect.gen(function* () {
        yield* proof({ DATA_DIR: yield* MadeDirectory.make("restart") })
      }),
    minutes
  )

  it.live(
    "loses nothing that was acknowledged, on a Postgres server",
    () =>
      Effect.gen(function* () {
        const postgres = yield* PostgresServer.make()
        const DATA_DIR = join(yield* TempDir.make("restart"), "data")
        yield* proof({ DATA_DIR, DATABASE_URL: yield* postgres.createDatabase("restart") })
      }),
    minutes
  )
})
