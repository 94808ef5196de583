/**
 * How one operation of the typed RPC is declared: what it takes, what it answers, and with which of the domain's errors it
 * refuses.
 *
 * What it takes travels as it was given and is judged by the service, as on every other edge: wrong fields are an
 * `InvalidInput` that names each of them, never a defect of the caller's.
 */
import { Schema } from "effect"
import { Rpc } from "effect/rpc"
import { InvalidInput } from "../domain/Errors.ts"

/** JSON that is typed as the schema's encoded side, and not looked into. */
const unjudged = <Input extends Schema.Top>(): Schema.Codec<Input["Encoded"], unknown> =>
  Schema.Unknown as unknown as Schema.Codec<Input["Encoded"], unknown>

export const operation = <
  const Tag extends string,
  Input extends Schema.Top,
  Success extends Schema.Top,
  const Errors extends ReadonlyArray<Schema.Top>
>(
  tag: Tag,
  { errors, input, success }: { readonly input: Input; readonly success: Success; readonly errors: Errors }
) => {
  const error: Schema.Union<readonly [typeof InvalidInput, ...Errors]> = Schema.Union([
    InvalidInput,
    ...errors
  ])
  return Object.assign(Rpc.make(tag, { payload: unjudged<Input>(), success, error }), { input })
}

/** Nothing is taken. */
export const Nothing = Schema.Struct({})
