import { defineConfig } from "vitest/config"

// One configuration for every suite: the slow ones (real servers, chaos, a real browser) are part of `npm test`.
// Suites that start servers measure nothing, so two workers at most keep a small machine responsive.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    globalSetup: ["test/support/GlobalSetup.ts"],
    reporters: ["default", "./test/support/Reporter.ts"]
  }
})
