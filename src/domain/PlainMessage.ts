/**
 * `send_message` as nearly all of them are: text and a number, and nothing else. Whether the payload is one is told by
 * looking at it, which costs a tenth of what the schema does, and the schema says the same of it; for all others it is
 * the schema that speaks.
 */
import { Result } from "effect"
import { SendMessage } from "./Commands.ts"
import { decoder } from "./Decode.ts"
import type { InvalidInput } from "./Errors.ts"

const decodeAny = decoder(SendMessage)

const isPlain = (payload: unknown): payload is SendMessage => {
  if (typeof payload !== "object" || payload === null) return false
  for (const key in payload) if (key !== "content" && key !== "client_random") return false
  const { client_random: clientRandom, content } = payload as Readonly<Record<string, unknown>>
  return typeof content === "string" && Number.isSafeInteger(clientRandom) && (clientRandom as number) >= 0
}

export const decodeSend = (payload: unknown): Result.Result<SendMessage, InvalidInput> =>
  isPlain(payload) ? Result.succeed(payload) : decodeAny(payload)
