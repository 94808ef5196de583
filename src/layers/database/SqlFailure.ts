/**
 * What a `SqlError` means: was the query at fault, or the database? Only the first is worth splitting a batch for;
 * after the second nobody knows whether a commit happened, and the caller may retry.
 */
import type { SqlError } from "effect/sql/SqlError"

/** The five-character SQLSTATE of an error that the database reported; `undefined` for one of the connection. */
export const sqlState = (error: SqlError): string | undefined => {
  const cause = error.reason.cause
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/**
 * Classes of SQLSTATE that blame the query: feature not supported, cardinality, data, constraint, syntax or access
 * rule, program limit, raised in PL/pgSQL.
 */
const rejections = new Set(["0A", "21", "22", "23", "42", "54", "P0"])

/** Whether the query itself is at fault, so that sending it again cannot help. */
export const isRejection = (error: SqlError): boolean => {
  const state = sqlState(error)
  if (state !== undefined) return rejections.has(state.slice(0, 2))
  // Parameters that the wire protocol cannot express never left this process.
  const cause = error.reason.cause
  const tag = typeof cause === "object" && cause !== null && "_tag" in cause ? cause._tag : undefined
  return tag === "PgTypesCodecError" || tag === "PgProtocolEncodeError"
}

/**
 * What may be logged of a failure. Not its `detail`, which quotes the failing row, nor `where`, which quotes the
 * statement: both may hold what users wrote.
 */
export const describe = (error: SqlError): Record<string, unknown> => {
  const cause = error.reason.cause
  const fields: Record<string, unknown> = typeof cause === "object" && cause !== null ? { ...cause } : {}
  return {
    message: messageOf(error),
    sqlState: sqlState(error),
    table: fields.table,
    constraint: fields.constraint
  }
}

/** The innermost message: the database's own, or the network's. */
export const messageOf = (error: SqlError): string => {
  const cause = error.reason.cause
  if (cause instanceof AggregateError) return cause.errors.map((e: Error) => e.message).join(", ")
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message
}
