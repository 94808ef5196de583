/** The budgets of a single node: exact, and always known at once. They do not survive a restart. */
import { Clock, Effect, Layer, Result } from "effect"
import { RateLimited } from "../../domain/Errors.ts"
import { type Budget, type Limit, RateLimiter } from "../../domain/ports/RateLimiter.ts"
import { Windows } from "../limits/Windows.ts"

interface Window {
  used: number
  end: number
}

const yes = Result.succeed<void>(undefined)

const budgetOf = (limit: Limit, windows: Windows<Window>, clock: Clock.Clock): Budget => {
  const open = (now: number): Window => ({ used: 0, end: now + limit.windowMs })
  return {
    limit,
    take: (subject, units = 1) => {
      const now = clock.currentTimeMillisUnsafe()
      const window = windows.current(subject, now, open)
      if (window.used + units <= limit.max) {
        window.used += units
        return yes
      }
      const { max, scope, windowMs } = limit
      return Result.fail(new RateLimited({ scope, limit: max, windowMs, retryAfterMs: window.end - now }))
    },
    giveBack: (subject, units = 1) => {
      const window = windows.find(subject, clock.currentTimeMillisUnsafe())
      if (window !== undefined) window.used = Math.max(0, window.used - units)
    },
    standing: (subject) => {
      const now = clock.currentTimeMillisUnsafe()
      const window = windows.find(subject, now)
      return window === undefined
        ? { remaining: limit.max, resetMs: limit.windowMs }
        : { remaining: Math.max(0, limit.max - window.used), resetMs: window.end - now }
    },
    clear: (subject) => windows.forget(subject)
  }
}

/** `maxSubjects`: users or addresses counted at the same time, per scope; past it the oldest start over. */
export const layer = ({ maxSubjects }: { readonly maxSubjects: number }) =>
  Layer.effect(
    RateLimiter,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const scopes = new Map<string, Windows<Window>>()
      return RateLimiter.of({
        budget: (limit) => {
          const windows = scopes.get(limit.scope) ?? new Windows<Window>(maxSubjects)
          scopes.set(limit.scope, windows)
          return budgetOf(limit, windows, clock)
        }
      })
    })
  )
