/** What operators may do is refused to everybody whose token lacks the scope `admin`. */
import { Effect } from "effect"
import { Forbidden } from "../../domain/Errors.ts"
import { CurrentIdentity } from "../rest/Authorization.ts"

const ADMIN = "admin"

export const adminOnly: Effect.Effect<void, Forbidden, CurrentIdentity> = Effect.flatMap(
  CurrentIdentity,
  ({ scopes }) => (scopes.includes(ADMIN) ? Effect.void : Effect.fail(new Forbidden({ rule: "scope:admin" })))
)
