/** What every `Blocks` promises, given how long its blocks are. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { UserId } from "../../src/domain/Ids.ts"
import { Blocks, ofAddress, ofUser, type Subject } from "../../src/domain/ports/Blocks.ts"
import { wait } from "../../src/domain/ports/RateLimiter.ts"
import * as Poll from "../support/Poll.ts"

export const someone = (): Subject => ofUser(crypto.randomUUID() as UserId)

const MINUTE = 60_000

/** Until when a subject is blocked; `undefined` where it is not. */
export const blockedUntil = (blocks: Blocks["Service"], subject: Subject) =>
  Effect.match(
    Effect.suspend(() => wait(blocks.check(subject))),
    { onSuccess: () => undefined, onFailure: ({ until }) => until }
  )

export const contract = <E>(
  name: string,
  layerOf: (lengths: ReadonlyArray<number>) => Layer.Layer<Blocks, E>
): void => {
  const minutes = layerOf([MINUTE, 5 * MINUTE])
  /** Of which the first two are over at once. */
  const fleeting = layerOf([1, 2, MINUTE])

  const isOver = (blocks: Blocks["Service"], subject: Subject) =>
    Poll.until(Effect.map(blockedUntil(blocks, subject), (until) => until === undefined))

  describe(`Blocks: ${name}`, () => {
    it.live("refuse who was struck until the block ends, and nobody else", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const subject = someone()
        assert.isUndefined(yield* blockedUntil(blocks, subject))
        const before = Date.now()
        const block = yield* blocks.strike(subject, "joins")
        assert.deepInclude(block, { subject, rule: "joins", level: 1, until: block.since + MINUTE })
        assert.isAtLeast(block.since, before - 1)
        assert.isAtMost(block.since, Date.now() + 1)
        assert.strictEqual(yield* blockedUntil(blocks, subject), block.until)
        assert.deepStrictEqual(yield* blocks.find(subject), block)
        const namesake = ofAddress(subject.slice("user:".length))
        for (const other of [someone(), namesake]) {
          assert.isUndefined(yield* blockedUntil(blocks, other))
          assert.isUndefined(yield* blocks.find(other))
        }
      }).pipe(Effect.provide(minutes))
    )

    it.live("are not made longer, nor of another rule, while they last, however many strike at once", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const subject = someone()
        const made = yield* Effect.forEach(
          Array.from({ length: 20 }),
          (_, i) => blocks.strike(subject, i % 2 === 0 ? "messages" : "joins"),
          { concurrency: "unbounded" }
        )
        for (const block of made) assert.deepStrictEqual(block, made[0])
        assert.deepStrictEqual(yield* blocks.strike(subject, "rejected_content"), made[0])
      }).pipe(Effect.provide(minutes))
    )

    it.live(
      "are remembered when they have ended: each is longer than the one before, up to the longest",
      () =>
        Effect.gen(function* () {
          const blocks = yield* Blocks
          const subject = someone()
          for (const [level, length] of [
            [1, 1],
            [2, 2]
          ] as const) {
            const block = yield* blocks.strike(subject, "messages")
            assert.deepStrictEqual([block.level, block.until - block.since], [level, length])
            yield* isOver(blocks, subject)
            assert.deepStrictEqual(yield* blocks.find(subject), block)
          }
          const third = yield* blocks.strike(subject, "messages")
          assert.deepStrictEqual([third.level, third.until - third.since], [3, MINUTE])
          assert.strictEqual(yield* blockedUntil(blocks, subject), third.until)
        }).pipe(Effect.provide(fleeting))
    )

    it.live("have a last length, for all that follow", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const subject = someone()
        for (const level of [1, 2, 3]) {
          const block = yield* blocks.strike(subject, "messages")
          assert.deepStrictEqual([block.level, block.until - block.since], [level, Math.min(level, 2)])
          yield* isOver(blocks, subject)
        }
      }).pipe(Effect.provide(layerOf([1, 2])))
    )

    it.live("are lifted, and forgotten with that: the next is a first one", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const subject = someone()
        yield* blocks.strike(subject, "messages")
        yield* isOver(blocks, subject)
        assert.strictEqual((yield* blocks.strike(subject, "messages")).level, 2)
        yield* blocks.lift(subject)
        assert.isUndefined(yield* blockedUntil(blocks, subject))
        assert.isUndefined(yield* blocks.find(subject))
        assert.strictEqual((yield* blocks.strike(subject, "messages")).level, 1)
        yield* blocks.lift(someone())
      }).pipe(Effect.provide(fleeting))
    )

    it.live("are listed while they last, those that end last first, and so many of them", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const [over, first, last, lifted] = [someone(), someone(), someone(), someone()]
        for (const subject of [over, first, last, lifted]) {
          yield* blocks.strike(subject, "messages")
          yield* isOver(blocks, subject)
        }
        const { since } = yield* blocks.strike(first, "messages")
        yield* Poll.until(() => Date.now() > since + 1)
        yield* blocks.strike(last, "messages")
        yield* blocks.strike(lifted, "messages")
        yield* blocks.lift(lifted)
        const listed = (limit: number) =>
          Effect.map(blocks.list(limit), (all) => all.map(({ level, subject }) => [level, subject]))
        assert.deepStrictEqual(yield* listed(10), [
          [2, last],
          [2, first]
        ])
        assert.deepStrictEqual(yield* listed(1), [[2, last]])
      }).pipe(Effect.provide(layerOf([1, MINUTE])))
    )

    it.live("tell their one listener who was blocked or unblocked", () =>
      Effect.gen(function* () {
        const blocks = yield* Blocks
        const heard: Array<Subject> = []
        blocks.onChange((subject) => heard.push(subject))
        const [one, other] = [someone(), someone()]
        yield* blocks.strike(one, "messages")
        yield* blocks.strike(other, "messages")
        yield* blocks.lift(one)
        assert.deepStrictEqual(heard, [one, other, one])
      }).pipe(Effect.provide(minutes))
    )
  })
}
