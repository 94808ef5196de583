/** What operators may do is refused to everybody whose token lacks the scope `admin`; who tries is on record. */
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { Forbidden } from "../../domain/Errors.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { ClientAddress } from "../ClientAddress.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"

const ADMIN = "admin"

/** The check, for the handlers of one group to begin with. */
export const makeAdminOnly = Effect.map(AuditLog, ({ note }) =>
  Effect.gen(function* () {
    const { scopes, userId } = yield* CurrentIdentity
    if (scopes.includes(ADMIN)) return
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    note({
      action: "admin.refused",
      outcome: "refused",
      actor: userId,
      address: yield* ClientAddress,
      targets: [{ type: "path", id: `${method} ${url.split("?", 1)[0]}` }]
    })
    return yield* new Forbidden({ rule: "scope:admin" })
  })
)
