/** What no client of ours would send: values, texts and bytes with something wrong in them, by chance. */
import type { Chance } from "../support/Chance.ts"

const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)

const oddTexts: ReadonlyArray<string> = [
  "",
  "\u0000",
  "\ud800",
  "\u202egnp.exe",
  "a".repeat(5_000),
  "../../../../etc/passwd",
  "'; DROP TABLE messages; --",
  "<script>alert(1)</script>",
  "${jndi:ldap://x/a}",
  "{{7*7}}",
  "%00%0d%0a",
  "null",
  "0198a3a0-0000-7000-8000-00000000000g",
  "00000000-0000-0000-0000-000000000000",
  "🏳️‍🌈".repeat(50),
  "a\r\nSet-Cookie: x=1"
]

const oddNumbers: ReadonlyArray<number> = [-1, 0, 1e308, -1e308, 2 ** 53, 2 ** 63, 0.5, -0, 1e-320]

/** Keys that mean something to JavaScript itself. */
const oddKeys = ["__proto__", "constructor", "prototype", "toString", "then", "length", "", "\u0000"]

export const value = (by: Chance, depth = 0): unknown => {
  switch (by.int(depth > 3 ? 5 : 8)) {
    case 0:
      return null
    case 1:
      return by.is(0.5)
    case 2:
      return by.pick(oddNumbers)
    case 3:
    case 4:
      return by.pick(oddTexts)
    case 5:
      return Array.from({ length: by.int(4) }, () => value(by, depth + 1))
    default: {
      // As text, since an own `__proto__` can be made in no other way.
      const fields = Array.from(
        { length: by.int(4) },
        () => `${JSON.stringify(by.pick(oddKeys))}:${JSON.stringify(value(by, depth + 1))}`
      )
      return JSON.parse(`{${fields.join(",")}}`)
    }
  }
}

/** A good object with one to three of its fields, or all of it, replaced. */
export const spoiled = (by: Chance, good: Readonly<Record<string, unknown>>): unknown => {
  if (by.is(0.1)) return value(by)
  const bad: Record<string, unknown> = { ...good }
  for (let i = by.int(3); i >= 0; i--) bad[by.pick([...Object.keys(good), ...oddKeys])] = value(by)
  return bad
}

/** Text of a good value with something wrong in its bytes. */
export const text = (by: Chance, good: unknown): string => {
  const written = JSON.stringify(good) ?? ""
  const at = by.int(written.length + 1)
  switch (by.int(7)) {
    case 0:
      return written.slice(0, at)
    case 1:
      return written.slice(0, at) + by.pick(oddTexts) + written.slice(at)
    case 2:
      return deep(by.pick([100, 5_000, 50_000]))
    case 3:
      return `${written}${written}`
    case 4:
      return written.replace(/\d/, "1e999")
    case 5:
      return `{"a":${written},"a":${written}`
    default:
      return by.bytes(by.int(200)).toString("latin1")
  }
}

/** Good bytes with some flipped, cut off or put in between. */
export const bytes = (by: Chance, good: Uint8Array): Buffer => {
  const bad = Buffer.from(good)
  if (bad.length === 0 || by.is(0.1)) return by.bytes(by.int(300))
  const at = by.int(bad.length)
  switch (by.int(4)) {
    case 0:
      return bad.subarray(0, at)
    case 1:
      return Buffer.concat([bad.subarray(0, at), by.bytes(1 + by.int(20)), bad.subarray(at)])
    case 2:
      return Buffer.concat([bad, bad])
    default:
      for (let i = by.int(5); i >= 0; i--) bad[by.int(bad.length)]! ^= 1 << by.int(8)
      return bad
  }
}
