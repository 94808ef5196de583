/** What every `MessageQueueCache` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { ConversationId, DeviceId, UserId } from "../../src/domain/Ids.ts"
import { MessageQueueCache, type QueueOptions } from "../../src/domain/ports/MessageQueueCache.ts"
import { isAfter } from "../../src/domain/SyncCursor.ts"
import { conversationId, userId } from "./Fixtures.ts"

const phone = "phone" as DeviceId
const laptop = "laptop" as DeviceId

/** What the suite is made with: small bounds, so that they are reached. */
export const options: QueueOptions = { maxLength: 5, maxDevices: 3, lifetime: 60_000 }

const append = (user: UserId, ...news: ReadonlyArray<readonly [ConversationId, number]>) =>
  Effect.flatMap(MessageQueueCache, (queue) =>
    queue.append(news.map(([id, fromSeq]) => ({ userId: user, conversationId: id, fromSeq })))
  )

const open = (user: UserId, device: DeviceId, cursor?: string) =>
  Effect.flatMap(MessageQueueCache, (queue) => queue.open(user, device, cursor))

const ack = (user: UserId, device: DeviceId, token: number, cursor: string, mark = "") =>
  Effect.flatMap(MessageQueueCache, (queue) => queue.ack(user, device, token, cursor, mark))

const references = ({
  entries
}: {
  readonly entries: ReadonlyArray<{ readonly conversationId: string; readonly fromSeq: number }>
}) => entries.map(({ conversationId, fromSeq }) => [conversationId, fromSeq])

export const contract = <E>(name: string, layer: Layer.Layer<MessageQueueCache, E>): void => {
  describe(`MessageQueueCache: ${name}`, () => {
    const check = (what: string, body: Effect.Effect<void, unknown, MessageQueueCache>) =>
      it.live(what, () => Effect.provide(body, layer))

    check(
      "queues nothing for a user of whom no device ever came",
      Effect.gen(function* () {
        const user = userId()
        yield* append(user, [conversationId(), 1])
        const opened = yield* open(user, phone)
        assert.strictEqual(opened.status, "new")
        assert.deepStrictEqual(opened.entries, [])
      })
    )

    check(
      "holds one reference per conversation, from its first news on, until a device is told of it",
      Effect.gen(function* () {
        const [user, a, b] = [userId(), conversationId(), conversationId()]
        const first = yield* open(user, phone)
        yield* append(user, [a, 3], [b, 1])
        yield* append(user, [a, 4])
        yield* append(user, [a, 5])
        const told = yield* open(user, phone, first.end)
        assert.strictEqual(told.status, "resumed")
        assert.deepStrictEqual(references(told), [
          [a, 3],
          [b, 1]
        ])
        assert.isTrue(told.entries.every(({ id }) => isAfter(id, first.end) && !isAfter(id, told.end)))
        yield* append(user, [a, 6])
        assert.deepStrictEqual(references(yield* open(user, phone, told.end)), [[a, 6]])
      })
    )

    check(
      "keeps what a device has not acknowledged, whatever it was told, and remembers where it stands",
      Effect.gen(function* () {
        const [user, a] = [userId(), conversationId()]
        yield* open(user, phone)
        yield* append(user, [a, 1])
        const told = yield* open(user, phone)
        assert.deepStrictEqual(references(told), [[a, 1]])
        const again = yield* open(user, phone)
        assert.deepStrictEqual(references(again), [[a, 1]])
        yield* ack(user, phone, again.token, again.end)
        assert.deepStrictEqual(references(yield* open(user, phone)), [])
      })
    )

    check(
      "has a cursor for each device",
      Effect.gen(function* () {
        const [user, a, b] = [userId(), conversationId(), conversationId()]
        yield* open(user, phone)
        yield* open(user, laptop)
        yield* append(user, [a, 1])
        const atPhone = yield* open(user, phone)
        yield* ack(user, phone, atPhone.token, atPhone.end)
        yield* append(user, [b, 1])
        assert.deepStrictEqual(references(yield* open(user, phone)), [[b, 1]])
        assert.deepStrictEqual(references(yield* open(user, laptop)), [
          [a, 1],
          [b, 1]
        ])
      })
    )

    check(
      "refuses the acknowledgement of a sync that another one of the same device has replaced",
      Effect.gen(function* () {
        const [user, a] = [userId(), conversationId()]
        const old = yield* open(user, phone)
        yield* append(user, [a, 1])
        const current = yield* open(user, phone)
        assert.isAbove(current.token, old.token)
        const error = yield* Effect.flip(ack(user, phone, old.token, current.end))
        assert.strictEqual(error._tag, "Conflict")
        assert.deepStrictEqual(references(yield* open(user, phone)), [[a, 1]])
      })
    )

    check(
      "says so when it knows nothing of a cursor, and when it had to drop what came after it",
      Effect.gen(function* () {
        const user = userId()
        assert.strictEqual((yield* open(user, phone, "1-0")).status, "lost")
        assert.strictEqual((yield* open(user, phone, "9999999999999-0")).status, "lost")
        const { end } = yield* open(user, phone)
        for (let i = 0; i < options.maxLength + 2; i++) yield* append(user, [conversationId(), 1])
        const trimmed = yield* open(user, phone, end)
        assert.strictEqual(trimmed.status, "trimmed")
        assert.deepStrictEqual(trimmed.entries, [])
        const [a] = [conversationId()]
        yield* append(user, [a, 1])
        assert.deepStrictEqual(references(yield* open(user, phone, trimmed.end)), [[a, 1]])
      })
    )

    check(
      "lets the device that is furthest behind make room for a further one",
      Effect.gen(function* () {
        const user = userId()
        const device = (n: number) => `device ${n}`.replace(" ", "-") as DeviceId
        const first = yield* open(user, device(0))
        for (let n = 1; n <= options.maxDevices; n++) {
          yield* append(user, [conversationId(), 1])
          yield* open(user, device(n))
        }
        assert.strictEqual((yield* open(user, device(0), first.end)).status, "lost")
        assert.strictEqual((yield* open(user, device(options.maxDevices))).status, "resumed")
      })
    )

    check(
      "gives the mark of the last acknowledgement back, to whoever does not name a cursor",
      Effect.gen(function* () {
        const user = userId()
        const first = yield* open(user, phone)
        assert.strictEqual(first.mark, "")
        yield* ack(user, phone, first.token, first.end, "here")
        assert.strictEqual((yield* open(user, phone, first.end)).mark, "")
        assert.strictEqual((yield* open(user, phone)).mark, "here")
      })
    )

    check(
      "tells how many users have a queue, and how much is in all of them",
      Effect.gen(function* () {
        const { totals } = yield* MessageQueueCache
        const before = yield* totals
        const [one, other] = [userId(), userId()]
        for (const user of [one, other]) yield* open(user, phone)
        yield* append(one, [conversationId(), 1], [conversationId(), 1])
        yield* append(other, [conversationId(), 1])
        assert.deepStrictEqual(yield* totals, { users: before.users + 2, entries: before.entries + 3 })
        const { end, token } = yield* open(one, phone)
        yield* ack(one, phone, token, end)
        assert.deepStrictEqual(yield* totals, { users: before.users + 2, entries: before.entries + 1 })
      })
    )

    check(
      "lets no cursor go back",
      Effect.gen(function* () {
        const [user, a] = [userId(), conversationId()]
        const first = yield* open(user, phone)
        yield* append(user, [a, 1])
        const second = yield* open(user, phone)
        yield* ack(user, phone, second.token, second.end)
        yield* ack(user, phone, second.token, first.end)
        assert.deepStrictEqual(references(yield* open(user, phone)), [])
      })
    )
  })
}
