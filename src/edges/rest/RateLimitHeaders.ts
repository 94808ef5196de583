/** What is left of a limit, in the headers of a request that was let through. */
import { Effect } from "effect"
import type { Identity } from "../../domain/Identity.ts"
import type { Action } from "../../domain/Limits.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { rateLimitHeaders } from "../../domain/Refusal.ts"

export const make = Effect.map(Admission, ({ standing }) => (who: Identity, action: Action) => {
  const left = standing(who, action)
  return left === undefined ? {} : rateLimitHeaders({ scope: action, ...left })
})
