/** Reading the audit log, by pages of descending `seq`. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { DEFAULT_PAGE } from "../../domain/Commands.ts"
import { foreignCursor } from "../../domain/Errors.ts"
import { AuditLog, type AuditEntry as Entry } from "../../domain/ports/AuditLog.ts"
import { ClientAddress } from "../ClientAddress.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"
import { answerRefusals } from "../rest/Problem.ts"
import { AdminApi } from "./AdminApi.ts"
import { makeAdminOnly } from "./AdminOnly.ts"
import type { AuditEntry } from "./AuditApi.ts"

const shown = ({ action, actor, address, at, details, hash, outcome, seq, targets }: Entry): AuditEntry => ({
  seq,
  at: new Date(at).toISOString(),
  action,
  outcome,
  actor: actor ?? null,
  address: address ?? null,
  targets: targets ?? [],
  details: details ?? {},
  hash
})

export const layer = HttpApiBuilder.group(
  AdminApi,
  "audit",
  Effect.fnUntraced(function* (handlers) {
    const audit = yield* AuditLog
    const adminOnly = yield* makeAdminOnly
    return handlers.handleAll({
      list: Effect.fn("Admin.audit.list")(function* ({ query }) {
        yield* adminOnly
        const { action, actor, cursor, limit = DEFAULT_PAGE } = query
        if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) return yield* foreignCursor
        const found = yield* audit.read({
          action,
          actor,
          limit: limit + 1,
          beforeSeq: cursor === undefined ? undefined : Number(cursor)
        })
        const { userId } = yield* CurrentIdentity
        audit.note({
          action: "admin.read",
          outcome: "done",
          actor: userId,
          address: yield* ClientAddress,
          details: { what: "audit" }
        })
        const items = found.slice(0, limit)
        const last = items.at(-1)
        return {
          items: items.map(shown),
          next_cursor: found.length > limit && last !== undefined ? String(last.seq) : null
        }
      }, answerRefusals)
    })
  })
)
