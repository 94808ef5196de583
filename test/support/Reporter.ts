/**
 * Counts a run for `.ci/run`: beside failed tests also everything else that fails a run without being a test (a file
 * that does not load, a hook, an unhandled rejection), and in CI every skipped test, since there the servers and the
 * browser must be present. Writes `{passed, failed, skipped}` to the file that `TEST_COUNTS` names, if it is set.
 */
import { writeFileSync } from "node:fs"
import type { Reporter, TestModule } from "vitest/node"

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const count = (modules: ReadonlyArray<TestModule>, unhandled: number, inCi: boolean): Counts => {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const inState = (state: "passed" | "failed" | "skipped") =>
    tests.filter((test) => test.result().state === state).length
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()])
  const broken = suites.filter((suite) => suite.errors().length > 0).length
  const unfinished = tests.filter((test) => test.result().state === "pending").length
  const skipped = inState("skipped")
  return {
    passed: inState("passed"),
    failed: inState("failed") + broken + unhandled + unfinished + (inCi ? skipped : 0),
    skipped
  }
}

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>) {
    const inCi = process.env.CI === "true"
    const counts = count(modules, unhandledErrors.length, inCi)
    const path = process.env.TEST_COUNTS
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts))
    if (inCi && counts.skipped > 0) {
      process.exitCode = 1
      console.error(`${counts.skipped} tests were skipped; in CI nothing may be`)
    }
  }
}
