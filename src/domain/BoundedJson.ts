/**
 * What JSON of clients may be: not nested deeper than parsers bear, and only text that every store and every other
 * client can hold. A string with U+0000 or half a surrogate pair is valid for JavaScript and for nobody else.
 */
import type { Schema } from "effect"

/** Levels of arrays and objects inside one another. */
export const MAX_DEPTH = 32

/** Items of one list at the most, whatever it lists. */
export const MAX_ITEMS = 1_000

/**
 * The field of an input that lists more. Asked before the input is decoded: every wrong item is an issue of its own, and
 * costs a hundred times what it cost to send.
 */
export const overlong = (input: unknown, maxItems = MAX_ITEMS): string | undefined => {
  if (typeof input !== "object" || input === null) return undefined
  return Object.entries(input).find(([, value]) => Array.isArray(value) && value.length > maxItems)?.[0]
}

/** Text that every store can hold. */
export const isText = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")

/** Why this JSON is refused, or `undefined`. Walks without recursion: depth is what it guards against. */
export const refusal = (json: Schema.Json): string | undefined => {
  let level: Array<Schema.Json> = [json]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return `Expected at most ${MAX_DEPTH} levels`
    const next: Array<Schema.Json> = []
    for (const value of level) {
      if (typeof value === "string") {
        if (!isText(value)) return "Expected text without U+0000 and lone surrogates"
      } else if (Array.isArray(value)) {
        for (const item of value) next.push(item)
      } else if (typeof value === "object" && value !== null) {
        for (const [key, item] of Object.entries(value)) {
          if (!isText(key)) return "Expected keys without U+0000 and lone surrogates"
          next.push(item)
        }
      }
    }
    level = next
  }
  return undefined
}
