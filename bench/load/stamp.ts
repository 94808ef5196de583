/**
 * The content of a measured message: the time it was sent, padded to a fixed size, and how to read that time
 * and the message's `seq` back from a delivered frame without parsing it. Times are of this process's clock:
 * sender and recipients of one measurement live in one process.
 */

const CONTENT_BYTES = 120
const DIGITS = 16
const padding = "x".repeat(CONTENT_BYTES - DIGITS)

const CONTENT = Buffer.from(`"content":"`)
const SEQ = Buffer.from(`"seq":`)
const ZERO = "0".charCodeAt(0)
const NINE = "9".charCodeAt(0)

export const stampedContent = (micros: number): string =>
  Math.floor(micros).toString().padStart(DIGITS, "0") + padding

/** The decimal number right behind the first `key` of the frame; undefined if there is none. */
const numberAfter = (key: Buffer, buffer: Buffer, start: number, end: number): number | undefined => {
  const found = buffer.indexOf(key, start)
  if (found < 0 || found >= end) return undefined
  let value = 0
  let at = found + key.length
  const first = at
  for (; at < end; at++) {
    const digit = buffer[at]!
    if (digit < ZERO || digit > NINE) break
    value = value * 10 + (digit - ZERO)
  }
  return at > first ? value : undefined
}

/** When the message in this frame was sent, in microseconds. */
export const sentAt = (buffer: Buffer, start: number, end: number): number | undefined =>
  numberAfter(CONTENT, buffer, start, end)

/** The message's number within its conversation. */
export const seqOf = (buffer: Buffer, start: number, end: number): number | undefined =>
  numberAfter(SEQ, buffer, start, end)
