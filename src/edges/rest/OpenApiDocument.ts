/**
 * Corrections of the generated OpenAPI document, where the schemas say how we decode and clients need to know
 * what to send: numbers in a query, ids in a path, and that unknown fields do no harm.
 */
import { Predicate, Record } from "effect"
import { HEADER as IDEMPOTENCY_KEY, MAX_KEY } from "./Idempotency.ts"
import { withExamples } from "./OpenApiExamples.ts"

type Json = Readonly<Record<string, unknown>>

const isParameter = (value: Json): boolean =>
  (value.in === "query" || value.in === "path") && Predicate.isObject(value.schema)

const isNumeric = (schema: Json): boolean =>
  schema.type === "string" && typeof schema.pattern === "string" && schema.pattern.startsWith("^[+-]?")

const parameter = (value: Json): Json => {
  const schema = value.schema as Json
  // A device names itself.
  if (value.in === "path" && value.name !== "device_id" && String(value.name).endsWith("_id")) {
    return { ...value, schema: { type: "string", format: "uuid" } }
  }
  return isNumeric(schema) ? { ...value, schema: { type: "integer" } } : value
}

const correct = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(correct)
  if (!Predicate.isObject(value)) return value
  const { additionalProperties, ...rest } = value as Json
  const kept = additionalProperties === undefined || additionalProperties === false ? rest : value
  const corrected = Object.fromEntries(Object.entries(kept).map(([key, child]) => [key, correct(child)]))
  return isParameter(corrected) ? parameter(corrected) : corrected
}

const keyParameter = {
  name: IDEMPOTENCY_KEY,
  in: "header",
  required: false,
  schema: { type: "string", minLength: 1, maxLength: MAX_KEY },
  description: "Names the request: within a day the same one under the same key is not done again."
}

const problemOf = (status: number, description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: `#/components/schemas/Problem${status}` } } }
})

/** What the middleware around all of them takes and answers. */
const keyedRefusals = {
  409: problemOf(409, "A request under this key is under way; or it contradicts the present state."),
  422: problemOf(422, "The key names another request; or the content is against the policy."),
  429: problemOf(429, "Too many requests.")
}

interface Operation extends Json {
  readonly security: ReadonlyArray<object>
  readonly parameters: ReadonlyArray<Json>
  readonly responses: Json
}

const keyed = (operation: Operation): Operation => ({
  ...operation,
  parameters: [...operation.parameters.filter(({ name }) => name !== IDEMPOTENCY_KEY), keyParameter],
  responses: { ...operation.responses, ...keyedRefusals }
})

const withKeys = (paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>) =>
  Record.map(paths, (methods) =>
    Record.map(methods, (operation, method) =>
      method === "post" && operation.security.length > 0 ? keyed(operation) : operation
    )
  )

export const asClientsSeeIt = (document: Record<string, unknown>): Record<string, unknown> => {
  const corrected = correct(document) as Record<string, unknown>
  const paths = withKeys(corrected.paths as Parameters<typeof withKeys>[0])
  return { ...corrected, paths: withExamples(paths as unknown as Parameters<typeof withExamples>[0]) }
}
