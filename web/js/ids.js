/**
 * Random identifiers. `crypto.randomUUID` exists on https and localhost only, and the demo should also work from
 * another machine of the same network over plain http, so the bytes are shaped here.
 */

/** A random (version 4) UUID. */
export const uuid = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/** A `client_random`: an integer from 0 to 2^53 - 1, one per message, the same on every retry of that message. */
export const clientRandom = () => {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2))
  return (high & 0x1fffff) * 2 ** 32 + low
}
