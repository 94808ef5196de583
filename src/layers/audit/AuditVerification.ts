/** Reads the whole audit log and says whether it is the one that was written; see `AuditChain` for what that means. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { Unavailable } from "../../domain/Errors.ts"
import { Database } from "../database/Database.ts"
import { type Flaw, flawOf, type Head, type Link, origin } from "./AuditChain.ts"

export interface Verdict {
  /** Where the log ends now: worth noting outside of the database, to be given to a later verification. */
  readonly head: Head
  /** The first one; what comes after it proves nothing. */
  readonly flaw: Flaw | undefined
}

const PAGE = 1_000

/** `witness`: a head that was noted earlier, and must still be part of the chain. */
export const verify = (witness?: Head): Effect.Effect<Verdict, Unavailable, SqlClient | Database> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const database = yield* Database
    const ends = yield* database.run(
      "AuditLog.head",
      sql<Head & { readonly last: number }>`
        SELECT seq::float8, encode(hash, 'hex') AS hash,
          coalesce((SELECT max(seq) FROM audit_log), 0)::float8 AS last
        FROM audit_head`
    )
    const end = ends[0]
    if (end === undefined) return { head: origin, flaw: { kind: "cut", seq: 1 } }
    const head: Head = { seq: end.seq, hash: end.hash }

    let at: Head = origin
    while (at.seq < head.seq) {
      const links = yield* database.run(
        "AuditLog.verify",
        sql<Link>`
          SELECT seq::float8, entry, encode(hash, 'hex') AS hash FROM audit_log
          WHERE seq > ${at.seq} AND seq <= ${head.seq} ORDER BY seq LIMIT ${PAGE}`
      )
      if (links.length === 0) return { head, flaw: { kind: "cut", seq: at.seq + 1 } }
      for (const link of links) {
        const flaw = flawOf(at, link)
        if (flaw !== undefined) return { head, flaw }
        at = link
        if (at.seq === witness?.seq && at.hash !== witness.hash) {
          return { head, flaw: { kind: "rewritten", seq: at.seq } }
        }
      }
    }
    if (at.hash !== head.hash) return { head, flaw: { kind: "changed", seq: head.seq } }
    if (end.last > head.seq) return { head, flaw: { kind: "added", seq: head.seq + 1 } }
    if (witness !== undefined && witness.seq > head.seq)
      return { head, flaw: { kind: "cut", seq: head.seq + 1 } }
    return { head, flaw: undefined }
  })
