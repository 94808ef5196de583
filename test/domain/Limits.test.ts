import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import type { UserId } from "../../src/domain/Ids.ts"
import {
  addressDefaults,
  blockDefaults,
  blockLength,
  parseRate,
  printRate,
  ruleDefaults,
  scaled,
  serviceDefaults,
  toMarkdownTable,
  trustDefaults,
  userDefaults
} from "../../src/domain/Limits.ts"
import { nextBlock, ofUser } from "../../src/domain/ports/Blocks.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe("Limits", () => {
  it("are documented as they are", () => {
    const page = readFileSync("docs/limits.md", "utf8")
    assert.include(page, toMarkdownTable("RATE_LIMIT", userDefaults))
    assert.include(page, toMarkdownTable("ADDRESS_LIMIT", addressDefaults))
    assert.include(page, toMarkdownTable("SERVICE_LIMIT", serviceDefaults))
    assert.include(page, toMarkdownTable("SUSPICION", ruleDefaults))
  })

  it("are written as they are read", () => {
    const all = { ...userDefaults, ...addressDefaults, ...ruleDefaults }
    for (const { max, windowMs } of Object.values(all)) {
      assert.deepStrictEqual(Option.getOrThrow(parseRate(printRate({ max, windowMs }))), { max, windowMs })
    }
    assert.deepStrictEqual(parseRate("off"), Option.some(undefined))
    for (const wrong of [
      "",
      "0 per 1 hour",
      "-1 per 1 hour",
      "5",
      "5 per",
      "5 per hours",
      "5 per 0 seconds",
      "x per 1 hour"
    ]) {
      assert.isTrue(Option.isNone(parseRate(wrong)), wrong)
    }
  })

  it("follow the trust in a user, and leave everybody something", () => {
    const message = userDefaults.message
    const maxima = Object.values(trustDefaults).map((factor) => scaled(message, factor).max)
    assert.deepStrictEqual(maxima, [100, 1000, 2000, 3000])
    assert.strictEqual(scaled({ max: 3, windowMs: HOUR }, 0.1).max, 1)
  })
})

describe("Blocks", () => {
  const subject = ofUser("00000000-0000-7000-8000-000000000001" as UserId)
  const strike = (previous: ReturnType<typeof nextBlock> | undefined, now: number) =>
    nextBlock(previous, { subject, rule: "messages", lengths: blockDefaults, now })

  it("last longer each time within a day, up to the last length", () => {
    let block = strike(undefined, 0)
    const lengths = [block.until - block.since]
    for (let i = 0; i < 6; i++) {
      block = strike(block, block.until)
      lengths.push(block.until - block.since)
    }
    assert.deepStrictEqual(lengths, [60_000, 300_000, 1_800_000, 2 * HOUR, DAY, DAY, DAY])
    assert.strictEqual(blockLength(blockDefaults, 99), DAY)
  })

  it("are not prolonged while they last, and are forgotten after a quiet day", () => {
    const first = strike(undefined, 0)
    assert.strictEqual(strike(first, first.until - 1), first)
    assert.strictEqual(strike(first, first.until + DAY - 1).level, 2)
    assert.strictEqual(strike(first, first.until + DAY).level, 1)
  })
})
