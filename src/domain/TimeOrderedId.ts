/**
 * New ids: UUIDs of version 7 (RFC 9562, method 1 of its section 6.2), each greater than the one before it in this
 * process. After the time stand a counter of 42 bits, which begins at a random number every millisecond, and 32 random
 * bits: ids of many nodes do not meet, and ids of one table go to the end of its index.
 *
 * Secure randomness is drawn a page at a time: drawn for each id by itself it was a tenth of what a message costs. Like
 * all ids of this version they tell when they were made, and are no secrets.
 */

/** 32 random bits each. */
const pool = new Uint32Array(1024)
let left = 0

const random32 = (): number => {
  if (left === 0) {
    crypto.getRandomValues(pool)
    left = pool.length
  }
  return pool[--left]!
}

const DIGITS = new TextEncoder().encode("0123456789abcdef")
/** The id being written, as text. */
const text = Buffer.from("00000000-0000-7000-8000-000000000000")

/** `count` digits of a number below 2^32, from `at` on. */
const writeHex = (value: number, at: number, count: number): void => {
  let rest = value
  for (let i = at + count - 1; i >= at; i--) {
    text[i] = DIGITS[rest & 15]!
    rest >>>= 4
  }
}

/** 12 and 30 bits of the counter. */
let high = 0
let low = 0
let millis = 0

const begin = (at: number): void => {
  millis = at
  // The first bit is left to the counter: it has room for 2^41 ids before the time must be moved on.
  high = random32() & 0x7ff
  low = random32() >>> 2
  writeHex(Math.floor(at / 0x1_0000), 0, 8)
  writeHex(at % 0x1_0000, 9, 4)
}

const count = (): void => {
  low = (low + 1) & 0x3fff_ffff
  if (low > 0) return
  high = (high + 1) & 0xfff
  if (high === 0) begin(millis + 1)
}

export const newId = (): string => {
  const now = Date.now()
  if (now > millis) begin(now)
  else count()
  writeHex(high, 15, 3)
  // The variant of RFC 9562 stands before the counter's lower part.
  const middle = (low | 0x8000_0000) >>> 0
  writeHex(middle >>> 16, 19, 4)
  writeHex(middle & 0xffff, 24, 4)
  writeHex(random32(), 28, 8)
  return text.toString("latin1")
}
