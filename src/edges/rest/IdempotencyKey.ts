/**
 * `Idempotency-Key` on a send, as the idempotency that every send has: the key becomes the `client_random` of
 * the message, so a retry answers the stored message and no table of keys is needed.
 */
import { hash } from "node:crypto"

/** The same key, the same number; 53 bits of SHA-256, the widest a `client_random` can be. */
export const clientRandomOf = (key: string): number =>
  Number(BigInt(`0x${hash("sha256", key, "hex").slice(0, 14)}`) >> 3n)
