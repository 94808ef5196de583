/** Reading the reports, by pages of descending id. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { DEFAULT_PAGE } from "../../domain/Commands.ts"
import { foreignCursor } from "../../domain/Errors.ts"
import { isCanonicalUuid } from "../../domain/Ids.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { ReportStore } from "../../domain/ports/ReportStore.ts"
import { ClientAddress } from "../ClientAddress.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"
import { answerRefusals } from "../rest/Problem.ts"
import { AdminApi } from "./AdminApi.ts"
import { makeAdminOnly } from "./AdminOnly.ts"

export const layer = HttpApiBuilder.group(
  AdminApi,
  "reports",
  Effect.fnUntraced(function* (handlers) {
    const reports = yield* ReportStore
    const audit = yield* AuditLog
    const adminOnly = yield* makeAdminOnly
    return handlers.handleAll({
      list: Effect.fn("Admin.reports.list")(function* ({ query }) {
        yield* adminOnly
        const { cursor, limit = DEFAULT_PAGE, user_id: of } = query
        if (cursor !== undefined && !isCanonicalUuid(cursor)) return yield* foreignCursor
        const found = yield* reports.list({ before: cursor, of, limit: limit + 1 })
        const { userId } = yield* CurrentIdentity
        audit.note({
          action: "admin.read",
          outcome: "done",
          actor: userId,
          address: yield* ClientAddress,
          details: { what: "reports" }
        })
        const items = found.slice(0, limit)
        return { items, next_cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null }
      }, answerRefusals)
    })
  })
)
