/**
 * `Idempotency-Key` on a send, as the idempotency that every send has: the key becomes the `client_random` of
 * the message, so a retry answers the stored message and no table of keys is needed.
 */
import { hash } from "node:crypto"
import { Effect } from "effect"
import { InvalidInput } from "../../domain/Errors.ts"

/** The same key, the same number; 53 bits of SHA-256, the widest a `client_random` can be. */
export const clientRandomOf = (key: string): number =>
  Number(BigInt(`0x${hash("sha256", key, "hex").slice(0, 14)}`) >> 3n)

const noClientRandom = new InvalidInput({
  issues: [{ path: "client_random", message: "Missing key, and no Idempotency-Key header to make one of" }]
})

/** What a request names itself by, one way or the other. */
export const clientRandomIn = (
  { client_random }: { readonly client_random?: number },
  headers: { readonly "idempotency-key"?: string }
): Effect.Effect<number, InvalidInput> => {
  const key = headers["idempotency-key"]
  if (client_random !== undefined) return Effect.succeed(client_random)
  return key === undefined ? Effect.fail(noClientRandom) : Effect.succeed(clientRandomOf(key))
}
