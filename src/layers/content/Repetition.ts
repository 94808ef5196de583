/** Text that repeats itself without end: one character, or one line. Rulers, tables, logs and songs do not. */

const MAX_RUN = 1_000
const MAX_LINES = 200

const hasLongRun = (text: string): boolean => {
  let run = 0
  let last = -1
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // The first half of an emoji is the same in most of them, and no repetition.
    if (unit >= 0xd800 && unit < 0xdc00) continue
    run = unit === last ? run + 1 : 1
    if (run > MAX_RUN) return true
    last = unit
  }
  return false
}

const hasRepeatedLine = (text: string): boolean => {
  const counts = new Map<string, number>()
  let start = 0
  while (start < text.length) {
    const end = text.indexOf("\n", start)
    const line = text.slice(start, end === -1 ? text.length : end).trim()
    if (line.length > 2) {
      const count = (counts.get(line) ?? 0) + 1
      if (count > MAX_LINES) return true
      counts.set(line, count)
    }
    if (end === -1) return false
    start = end + 1
  }
  return false
}

/** Fewer characters than this hold neither. */
const SHORTEST = 3 * MAX_LINES

export const isRepetitive = (text: string): boolean =>
  text.length > SHORTEST && (hasLongRun(text) || hasRepeatedLine(text))
