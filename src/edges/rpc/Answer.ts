/** The handler of one operation: what was asked is judged here, and what is done with it is done by the caller's name. */
import { Effect, type Schema } from "effect"
import { decoderEffect } from "../../domain/Decode.ts"
import type { Caller } from "../../domain/Identity.ts"
import { CurrentCaller } from "../../rpc/Authentication.ts"

export const answer = <Input extends Schema.ConstraintDecoder<unknown>, A, E>(
  { input }: { readonly input: Input },
  run: (caller: Caller, asked: Input["Type"]) => Effect.Effect<A, E>
) => {
  const decode = decoderEffect(input)
  return (payload: unknown) =>
    Effect.flatMap(CurrentCaller, (caller) => Effect.flatMap(decode(payload), (asked) => run(caller, asked)))
}
