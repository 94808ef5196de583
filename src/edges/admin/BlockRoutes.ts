/** Blocks and limits, served by the Blocks and the Admission of this service. What is done here is on record. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { InvalidInput, NotFound } from "../../domain/Errors.ts"
import { actions } from "../../domain/Limits.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { type Block, Blocks, ofAddress, ofUser } from "../../domain/ports/Blocks.ts"
import { ClientAddress, limitKey } from "../ClientAddress.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"
import { answerRefusals } from "../rest/Problem.ts"
import { AdminApi } from "./AdminApi.ts"
import { makeAdminOnly } from "./AdminOnly.ts"
import type { BlockView } from "./BlocksApi.ts"

const MAX_LISTED = 1000

const shown = ({ level, rule, since, subject, until }: Block): BlockView => {
  const [type, ...id] = subject.split(":")
  return {
    type: type === "user" ? "user" : "address",
    subject: id.join(":"),
    rule,
    level,
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString()
  }
}

const oneOf = new InvalidInput({
  issues: [{ path: "user_id", message: "Either user_id or address says who is unblocked" }]
})

export const layer = HttpApiBuilder.group(
  AdminApi,
  "blocks",
  Effect.fnUntraced(function* (handlers) {
    const blocks = yield* Blocks
    const admission = yield* Admission
    const audit = yield* AuditLog
    const adminOnly = yield* makeAdminOnly

    return handlers.handleAll({
      list: Effect.fn("Admin.blocks.list")(function* () {
        yield* adminOnly
        return { items: (yield* blocks.list(MAX_LISTED)).map(shown), next_cursor: null }
      }, answerRefusals),

      limits: Effect.fn("Admin.blocks.limits")(function* ({ params, query }) {
        yield* adminOnly
        const { user_id: userId } = params
        const block = yield* blocks.find(ofUser(userId))
        const trust = query.trust_level ?? "normal"
        const limits = actions.flatMap((action) => {
          const standing = admission.standing({ userId, trust }, action)
          if (standing === undefined) return []
          const { max, remaining, resetMs, windowMs } = standing
          return [{ action, limit: max, window_ms: windowMs, remaining, resets_in_ms: Math.round(resetMs) }]
        })
        return { block: block === undefined ? null : shown(block), limits }
      }, answerRefusals),

      lift: Effect.fn("Admin.blocks.lift")(function* ({ query }) {
        yield* adminOnly
        const { address, user_id: userId } = query
        if ((address === undefined) === (userId === undefined)) return yield* oneOf
        const target =
          userId === undefined
            ? { type: "address" as const, id: limitKey(address ?? "") }
            : { type: "user" as const, id: userId }
        const subject = userId === undefined ? ofAddress(target.id) : ofUser(userId)
        if ((yield* blocks.find(subject)) === undefined) return yield* new NotFound({ what: "block" })
        const { userId: actor } = yield* CurrentIdentity
        yield* audit.record({
          action: "user.unblocked",
          outcome: "done",
          actor,
          address: yield* ClientAddress,
          targets: [target]
        })
        yield* blocks.lift(subject)
      }, answerRefusals)
    })
  })
)
