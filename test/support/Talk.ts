/** Those who talk and read in tests of several nodes: what they see must be everything, once and in order. */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import type * as AppProcess from "./AppProcess.ts"
import * as Chat from "./Chat.ts"
import type { Client, ClientChannel } from "./PhoenixClient.ts"
import * as Poll from "./Poll.ts"

interface Joined {
  readonly current_seq: number
  readonly messages: ReadonlyArray<Message>
  readonly read_positions: Readonly<Record<string, { readonly last_read_seq: number }>>
}

/** A client as it should be: it resumes after what it has, and keeps what comes, in the order in which it comes. */
export class Reader {
  /** `undefined` until it is constructed: it asks for its parameters before that. */
  readonly channel: ClientChannel<Joined>
  readonly seqs: Array<number> = []
  #joins = 0

  constructor(client: Client, id: string) {
    this.channel = client.channel<Joined>(`conversation:${id}`, () => {
      this.catchUp()
      return this.seqs.length === 0 ? {} : { last_seq: this.seqs.at(-1) }
    })
    this.channel.raw.on("new_message", (message) => {
      this.catchUp()
      this.seqs.push((message as Message).seq)
    })
  }

  /** What the answers to its joins held. */
  catchUp(): void {
    const all = this.channel?.joins.all ?? []
    for (; this.#joins < all.length; this.#joins++) {
      for (const { seq } of all[this.#joins]!.messages) this.seqs.push(seq)
    }
  }

  /** Waits until it has message `last`, and checks that none is missing since its first one, and none came twice. */
  has(last: number) {
    const look = () => {
      this.catchUp()
      return (this.seqs.at(-1) ?? 0) >= last
    }
    return Effect.map(Poll.until(look, { deadline: 20_000, what: `message ${last}` }), () => {
      const first = this.seqs[0] ?? 0
      const wrong = this.seqs.findIndex((seq, i) => seq !== first + i)
      assert.strictEqual(wrong, -1, `around ${this.seqs.slice(Math.max(0, wrong - 3), wrong + 3).join(", ")}`)
      assert.strictEqual(this.seqs.length, last - first + 1)
    })
  }
}

export const readerAt = Effect.fnUntraced(function* (
  app: AppProcess.RunningApp,
  person: Chat.Person,
  id: string
) {
  const client = yield* Chat.connect(app, person)
  const reader = new Reader(client, id)
  yield* reader.channel.joined
  return reader
})

/** Sends messages one after the other until it is ended; every one must be acknowledged at its first attempt. */
export const talker = Effect.fnUntraced(function* (person: Chat.Person, id: string) {
  let count = 0
  let isOver = false
  const talk = Effect.gen(function* () {
    while (!isOver) {
      const started = performance.now()
      yield* person.rest.ok("POST", `/api/v1/conversations/${id}/messages`, {
        content: `message ${count}`,
        client_random: count
      })
      assert.isBelow(performance.now() - started, 5_000, "no send waits for Redis")
      count++
    }
    return count
  })
  const fiber = yield* Effect.forkScoped(talk)
  return {
    count: () => count,
    /** Answers how many were sent. */
    end: Effect.suspend(() => {
      isOver = true
      return Fiber.join(fiber)
    })
  }
})
