/**
 * Corrections of the generated OpenAPI document, where the schemas say how we decode and clients need to know
 * what to send: numbers in a query, ids in a path, and that unknown fields do no harm.
 */
import { Predicate } from "effect"

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

export const asClientsSeeIt = (document: Record<string, unknown>): Record<string, unknown> =>
  correct(document) as Record<string, unknown>
