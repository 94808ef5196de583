/** Those who talk and read in tests of several nodes: what they see must be everything, once and in order. */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type * as AppProcess from "./AppProcess.ts"
import * as Chat from "./Chat.ts"
import * as Poll from "./Poll.ts"
import { Reader } from "./Reader.ts"

export class CheckedReader extends Reader {
  /** Waits until it has message `last`, and checks that none is missing since its first one, and none came twice. */
  has(last: number) {
    const look = () => this.reached(last)
    return Effect.map(Poll.until(look, { deadline: 20_000, what: `message ${last}` }), () => {
      const { seqs } = this
      const first = seqs[0] ?? 0
      const wrong = seqs.findIndex((seq, i) => seq !== first + i)
      assert.strictEqual(wrong, -1, `around ${seqs.slice(Math.max(0, wrong - 3), wrong + 3).join(", ")}`)
      assert.strictEqual(seqs.length, last - first + 1)
    })
  }
}

export const readerAt = Effect.fnUntraced(function* (
  app: AppProcess.RunningApp,
  person: Chat.Person,
  id: string
) {
  const client = yield* Chat.connect(app, person)
  const reader = new CheckedReader(client, id)
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
