/** Untrusted input → typed value, or an `InvalidInput` that names each wrong field. */
import { Effect, Result, Schema, SchemaIssue } from "effect"
import { InvalidInput } from "./Errors.ts"

const standard = SchemaIssue.makeFormatterStandardSchemaV1()

const toInvalid = (error: Schema.SchemaError): InvalidInput =>
  new InvalidInput({
    issues: standard(error.issue).issues.map((issue) => ({
      path: (issue.path ?? [])
        .map((segment) => String(typeof segment === "object" ? segment.key : segment))
        .join("."),
      message: issue.message
    }))
  })

/** A decoder for one schema; make it once, not per request. Unknown fields are ignored. */
export const decoder = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (input: unknown): Result.Result<S["Type"], InvalidInput> => Result.mapError(decode(input), toInvalid)
}

export const decoderEffect = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = decoder(schema)
  return (input: unknown): Effect.Effect<S["Type"], InvalidInput> => Effect.fromResult(decode(input))
}
