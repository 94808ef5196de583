/** Untrusted input → typed value, or an `InvalidInput` that names each wrong field. */
import { Effect, Result, Schema, SchemaIssue } from "effect"
import { MAX_ITEMS, overlong } from "./BoundedJson.ts"
import { InvalidInput } from "./Errors.ts"

/** A thousand wrong ids need not all be listed to be found. */
const MAX_ISSUES = 20

const standard = SchemaIssue.makeFormatterStandardSchemaV1()

/** What is wrong with an input, for whoever sent it. */
export const toInvalid = (error: Schema.SchemaError): InvalidInput =>
  new InvalidInput({
    issues: standard(error.issue)
      .issues.slice(0, MAX_ISSUES)
      .map(({ message, path }) => ({
        path: (path ?? [])
          .map((segment) => String(typeof segment === "object" ? segment.key : segment))
          .join("."),
        message
      }))
  })

/** An input with a list that no decoder should look at. */
export const refuseOverlong = (input: unknown, maxItems = MAX_ITEMS): InvalidInput | undefined => {
  const path = overlong(input, maxItems)
  return path === undefined
    ? undefined
    : new InvalidInput({ issues: [{ path, message: `Expected at most ${maxItems} items` }] })
}

/** A decoder for one schema; make it once, not per request. Unknown fields are ignored. */
export const decoder = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, maxItems = MAX_ITEMS) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (input: unknown): Result.Result<S["Type"], InvalidInput> => {
    const refused = refuseOverlong(input, maxItems)
    return refused === undefined ? Result.mapError(decode(input), toInvalid) : Result.fail(refused)
  }
}

export const decoderEffect = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  maxItems = MAX_ITEMS
) => {
  const decode = decoder(schema, maxItems)
  return (input: unknown): Effect.Effect<S["Type"], InvalidInput> => Effect.fromResult(decode(input))
}
