import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { Unavailable } from "../../../src/domain/Errors.ts"
import { credit, type Limit } from "../../../src/domain/ports/RateLimiter.ts"
import {
  type Answer,
  LeasedBudget,
  type Ledger,
  type Question
} from "../../../src/layers/limits/LeasedBudget.ts"

const HOUR = 3_600_000
const SEED = Number(process.env.FUZZ_SEED ?? 4)

/** Several nodes over one ledger whose answers arrive, are late or are lost as the test says. */
class Cluster {
  now = 1_000_000
  /** Units given out by all nodes. */
  given = 0
  questions = 0
  readonly nodes: ReadonlyArray<LeasedBudget>
  readonly limit: Limit
  #used = 0
  #endsAt = 0
  readonly #pending: Array<{ readonly settle: (isLost: boolean) => void }> = []

  constructor(limit: Limit, nodes: number) {
    this.limit = limit
    this.nodes = Array.from({ length: nodes }, () => new LeasedBudget(limit, this.#ledger(nodes), 100))
  }

  #ledger(nodes: number): Ledger {
    return {
      nodes: () => nodes,
      now: () => this.now,
      run: (effect) => void Effect.runFork(effect),
      clear: () => Effect.void,
      ask: (_limit, _subject, question) =>
        Effect.callback<Answer, Unavailable>((resume) => {
          this.questions++
          this.#pending.push({
            settle: (isLost) =>
              resume(
                isLost
                  ? Effect.fail(new Unavailable({ what: "redis" }))
                  : Effect.succeed(this.#answer(question))
              )
          })
        })
    }
  }

  #answer({ need, own, spent }: Question): Answer {
    if (this.now >= this.#endsAt) {
      this.#used = 0
      this.#endsAt = this.now + this.limit.windowMs
    }
    this.#used = Math.max(this.#used + spent, own)
    const left = Math.max(0, this.limit.max - this.#used)
    const granted = Math.min(left, Math.max(need, Math.ceil(left / 10)))
    this.#used += granted
    return { granted, remaining: left - granted, endsIn: this.#endsAt - this.now }
  }

  take(node: number): void {
    const taken = this.nodes[node % this.nodes.length]!.take("a")
    if (!Result.isResult(taken)) Effect.runFork(Effect.tap(taken, () => Effect.sync(() => this.given++)))
    else if (Result.isSuccess(taken)) this.given++
  }

  settle(which: number, isLost: boolean): void {
    const [question] = this.#pending.splice(which % Math.max(1, this.#pending.length), 1)
    question?.settle(isLost)
  }

  settleAll(): void {
    while (this.#pending.length > 0) this.settle(0, false)
  }

  /** The ledger loses everything it knew. */
  forget(): void {
    this.#used = 0
  }
}

type Step =
  | { readonly kind: "take" | "answer" | "lose"; readonly index: number }
  | { readonly kind: "time"; readonly ms: number }

const stepsOf = (kinds: ReadonlyArray<"take" | "answer" | "lose">): fc.Arbitrary<ReadonlyArray<Step>> =>
  fc.array(
    fc.oneof(
      { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), index: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.nat(1500) }) }
    ),
    { minLength: 50, maxLength: 600 }
  )

const run = (cluster: Cluster, steps: ReadonlyArray<Step>): void => {
  for (const step of steps) {
    if (step.kind === "time") cluster.now += step.ms
    else if (step.kind === "take") cluster.take(step.index)
    else cluster.settle(step.index, step.kind === "lose")
  }
}

const limits = fc.constantFrom(1, 3, 10, 20, 50, 300)

describe("LeasedBudget", () => {
  it("is never overdrawn by more than the credit of each node, whatever overtakes what", () => {
    fc.assert(
      fc.property(
        limits,
        fc.integer({ min: 1, max: 5 }),
        stepsOf(["take", "take", "answer"]),
        (max, nodes, steps) => {
          const cluster = new Cluster({ scope: "s", max, windowMs: HOUR }, nodes)
          run(cluster, steps)
          cluster.settleAll()
          for (let i = 0; i < 2 * max; i++) {
            cluster.take(i)
            cluster.settleAll()
          }
          assert.isAtMost(cluster.given, max + nodes * credit(max))
        }
      ),
      { numRuns: 300, seed: SEED }
    )
  })

  it("is overdrawn by a share of each node at the most while the ledger comes and goes", () => {
    fc.assert(
      fc.property(
        limits,
        fc.integer({ min: 1, max: 5 }),
        stepsOf(["take", "take", "take", "answer", "lose", "lose"]),
        (max, nodes, steps) => {
          const cluster = new Cluster({ scope: "s", max, windowMs: HOUR }, nodes)
          run(cluster, steps)
          cluster.settleAll()
          for (let i = 0; i < 2 * max; i++) {
            cluster.now += 2
            cluster.take(i)
            cluster.settleAll()
          }
          assert.isAtMost(cluster.given, max + nodes * Math.max(credit(max), Math.ceil(max / nodes)))
        }
      ),
      { numRuns: 300, seed: SEED }
    )
  })

  it("gives all of the limit to a node that is alone, and asks for a small part of it", () => {
    const cluster = new Cluster({ scope: "s", max: 1000, windowMs: HOUR }, 1)
    for (let i = 0; i < 1100; i++) {
      cluster.take(0)
      cluster.settleAll()
    }
    assert.isAtLeast(cluster.given, 1000)
    assert.isAtMost(cluster.given, 1020)
    assert.isAtMost(cluster.questions, 120)
  })

  it("gives each node its share when the ledger is never there, and waits for nothing but the first answer", () => {
    const cluster = new Cluster({ scope: "s", max: 100, windowMs: HOUR }, 4)
    for (let i = 0; i < 400; i++) {
      cluster.take(i)
      for (let pending = 0; pending < 4; pending++) cluster.settle(0, true)
    }
    assert.strictEqual(cluster.given, 100)
    assert.isAtMost(cluster.questions, 8)
  })

  it("has what it gave out in an outage counted when the ledger is back, though that forgot everything", () => {
    const cluster = new Cluster({ scope: "s", max: 100, windowMs: HOUR }, 2)
    const [mine] = cluster.nodes
    for (let i = 0; i < 30; i++) {
      cluster.take(0)
      cluster.settleAll()
    }
    cluster.forget()
    for (let i = 0; i < 60; i++) {
      cluster.take(0)
      cluster.settle(0, true)
    }
    assert.isAtMost(cluster.given, 60, "its leases and its share of 50")
    cluster.now += 2000
    for (let i = 0; i < 200; i++) {
      cluster.take(0)
      cluster.settleAll()
    }
    assert.isAtLeast(cluster.given, 100)
    assert.isAtMost(cluster.given, 102)
    assert.strictEqual(mine!.standing("a").remaining, 0)
  })

  it("begins anew with the next window", () => {
    const cluster = new Cluster({ scope: "s", max: 50, windowMs: 1000 }, 1)
    for (let window = 1; window <= 3; window++) {
      for (let i = 0; i < 60; i++) {
        cluster.take(0)
        cluster.settleAll()
      }
      assert.isAtLeast(cluster.given, 50 * window)
      assert.isAtMost(cluster.given, 51 * window)
      cluster.now += 1000
    }
  })
})
