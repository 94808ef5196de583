/**
 * Array parameters with their element type stated: nothing is inferred per element, an array may be empty or all
 * null, and a statement is always prepared with the same types.
 */
import { PgTypes } from "@effect/sql-pg"

const arrayOf =
  (elementOid: number) =>
  <A>(values: ReadonlyArray<A>): PgTypes.Parameter => ({
    [PgTypes.ParameterTypeId]: PgTypes.ParameterTypeId,
    oid: PgTypes.arrayOidFor(elementOid)!,
    value: values
  })

export const uuids: (values: ReadonlyArray<string | null>) => PgTypes.Parameter = arrayOf(PgTypes.OID.uuid)
export const texts: (values: ReadonlyArray<string | null>) => PgTypes.Parameter = arrayOf(PgTypes.OID.text)
export const byteas: (values: ReadonlyArray<Uint8Array | null>) => PgTypes.Parameter = arrayOf(
  PgTypes.OID.bytea
)
export const jsonbs: (values: ReadonlyArray<unknown>) => PgTypes.Parameter = arrayOf(PgTypes.OID.jsonb)
/** Unix ms. */
export const timestamps: (values: ReadonlyArray<number | null>) => PgTypes.Parameter = arrayOf(
  PgTypes.OID.timestamptz
)
/** Whole numbers up to 2^53 as doubles, which hold them exactly and cost no BigInt each. */
export const float8s: (values: ReadonlyArray<number | null>) => PgTypes.Parameter = arrayOf(
  PgTypes.OID.float8
)
