import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import {
  AutoShutdown,
  describeExit,
  exitReason,
  Killed,
  RestartIntensityExceeded,
  Shutdown,
  shutdown
} from "../../src/actors/process/ExitReason.ts"
import { affected, backoffMs, RestartWindow, shouldRestart } from "../../src/supervisors/RestartStrategy.ts"

class NoDisk extends Schema.TaggedError<NoDisk>()("NoDisk", {}) {}

const exceeded = new RestartIntensityExceeded({ supervisor: "s", child: "c", maxRestarts: 1, withinMs: 5000 })
const normal = Exit.void
const orderly = [
  shutdown,
  Exit.fail(new Shutdown({ reason: "done" })),
  Exit.fail(exceeded),
  Exit.fail(new AutoShutdown({ supervisor: "s", child: "c" }))
]
const crashes = [Exit.die("defect"), Exit.fail(new NoDisk()), Exit.fail(new Killed({ process: "p" }))]

describe("an exit", () => {
  it("is normal, a shutdown, a kill or a crash", () => {
    assert.strictEqual(exitReason(normal), "normal")
    for (const exit of orderly) assert.strictEqual(exitReason(exit), "shutdown")
    assert.deepStrictEqual(crashes.map(exitReason), ["crashed", "crashed", "killed"])
  })

  it("is described in one line", () => {
    assert.strictEqual(describeExit(normal), "normal")
    assert.strictEqual(describeExit(shutdown), "shutdown")
    assert.strictEqual(describeExit(Exit.fail(new Killed({ process: "p" }))), "killed")
    assert.strictEqual(describeExit(Exit.die(new TypeError("no"))), "crashed: TypeError: no")
  })
})

describe("a restart type", () => {
  it("permanent restarts after any exit", () => {
    for (const exit of [normal, ...orderly, ...crashes]) assert.isTrue(shouldRestart("permanent", exit))
  })

  it("transient restarts after a crash only", () => {
    for (const exit of [normal, ...orderly]) assert.isFalse(shouldRestart("transient", exit))
    for (const exit of crashes) assert.isTrue(shouldRestart("transient", exit))
  })

  it("temporary never restarts", () => {
    for (const exit of [normal, ...orderly, ...crashes]) assert.isFalse(shouldRestart("temporary", exit))
  })
})

describe("a strategy", () => {
  it("takes the child alone, all, or it and those after it", () => {
    const children = ["a", "b", "c", "d"]
    assert.deepStrictEqual(affected("one_for_one", children, 1), ["b"])
    assert.deepStrictEqual(affected("one_for_all", children, 1), ["a", "b", "c", "d"])
    assert.deepStrictEqual(affected("rest_for_one", children, 1), ["b", "c", "d"])
  })
})

describe("the window of restarts", () => {
  it("allows as many as it says, within any stretch of its length", () => {
    const window = new RestartWindow({ maxRestarts: 2, within: "5 seconds" })
    assert.deepStrictEqual(
      [0, 3000, 5001, 8001, 8002].map((now) => window.add(now)),
      [true, true, true, true, false]
    )
  })

  it("counts a restart exactly its length ago, as OTP does", () => {
    const window = new RestartWindow({ maxRestarts: 1, within: "5 seconds" })
    assert.isTrue(window.add(0))
    assert.isFalse(window.add(5000))
  })

  it("allows none when it says none", () => {
    assert.isFalse(new RestartWindow({ maxRestarts: 0, within: "5 seconds" }).add(0))
  })

  it("stands still while a restart waits in backoff", () => {
    const window = new RestartWindow({ maxRestarts: 1, within: "5 seconds" })
    assert.isTrue(window.add(0))
    window.pause(0)
    window.pause(1000)
    window.resume(60_000)
    window.resume(100_000)
    assert.isFalse(window.add(101_000))
    assert.isTrue(new RestartWindow({ maxRestarts: 1, within: "5 seconds" }).add(0))
  })
})

describe("backoff", () => {
  it("grows from its initial delay to its maximum", () => {
    const backoff = { initial: "100 millis", max: "1 second" } as const
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(backoff, attempt)),
      [100, 200, 400, 800, 1000, 1000]
    )
    assert.strictEqual(backoffMs({ ...backoff, factor: 3 }, 2), 300)
  })

  it("is none by default", () => {
    assert.strictEqual(backoffMs(undefined, 7), 0)
  })
})
