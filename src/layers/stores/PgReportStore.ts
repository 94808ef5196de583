/** `ReportStore` in SQL; see migrations/0028. Ids are version 7: their order is that of filing. */
import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ReportStore } from "../../domain/ports/ReportStore.ts"
import type { FiledReport } from "../../domain/Report.ts"
import { Database } from "../database/Database.ts"

interface Row extends Omit<FiledReport, "target" | "created_at"> {
  readonly target_type: FiledReport["target"]["type"]
  readonly target_id: string
  readonly created_at: Date
}

const columns =
  "id, reporter_id, target_type, target_id, conversation_id, user_id, version_seq::float8, reason, comment, created_at"

const fileSql = `
  INSERT INTO reports (id, reporter_id, target_type, target_id, conversation_id, user_id, version_seq, reason, comment,
    created_at)
  VALUES ($1::uuid, $2::uuid, $3, $4::uuid, $5, $6, $7::float8::bigint, $8, $9, $10)
  ON CONFLICT (id) DO NOTHING`

const findSql = `SELECT ${columns} FROM reports WHERE id = $1::uuid AND reporter_id = $2::uuid`

/** Starts from the user's own rows, which are as many as they have conversations. */
export const hasMetSql = `
  SELECT 1 FROM conversation_members mine
  JOIN conversations c ON c.id = mine.conversation_id AND c.is_active
  JOIN conversation_members other ON other.conversation_id = mine.conversation_id AND other.user_id = $2::uuid
  WHERE mine.user_id = $1::uuid AND mine.is_active LIMIT 1`

/** $1 before which id and $2 of whom, or nulls; $3 rows. */
const listSql = `
  SELECT ${columns} FROM reports
  WHERE ($1::uuid IS NULL OR id < $1) AND ($2::uuid IS NULL OR user_id = $2) ORDER BY id DESC LIMIT $3`

const reportOf = ({ created_at, target_id, target_type, ...row }: Row): FiledReport => ({
  ...row,
  target: { type: target_type, id: target_id } as FiledReport["target"],
  created_at: created_at.toISOString()
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient
  const database = yield* Database

  const query = <A extends object>(what: string, text: string, parameters: ReadonlyArray<unknown>) =>
    database.run(`ReportStore.${what}`, sql.unsafe<A>(text, parameters))

  return ReportStore.of({
    file: Effect.fnUntraced(function* (report) {
      yield* query("file", fileSql, [
        report.id,
        report.reporter_id,
        report.target.type,
        report.target.id,
        PgTypes.uuid(report.conversation_id),
        PgTypes.uuid(report.user_id),
        PgTypes.float8(report.version_seq),
        report.reason,
        PgTypes.text(report.comment),
        PgTypes.timestamptz(Date.parse(report.created_at))
      ])
      const [filed] = yield* query<Row>("find", findSql, [report.id, report.reporter_id])
      return filed === undefined ? report : reportOf(filed)
    }),
    hasMet: (userId, other) =>
      Effect.map(query("hasMet", hasMetSql, [userId, other]), (rows) => rows.length > 0),
    list: ({ before, limit, of }) =>
      Effect.map(
        query<Row>("list", listSql, [PgTypes.uuid(before ?? null), PgTypes.uuid(of ?? null), limit]),
        (rows) => rows.map(reportOf)
      )
  })
})

export const layer = Layer.effect(ReportStore, make)
