/**
 * One node's part in a budget that all nodes share. It takes units from the ledger in leases and gives them out by
 * itself, so that a decision seldom waits; a lease that runs low is renewed in the background. A few units per window
 * (`credit`) it gives out before the ledger has answered, and has them counted with its next question.
 *
 * While the ledger does not answer, the node gives out its share, the limit divided by the nodes; what it gave out is
 * counted when the ledger is back. Does not know what the ledger is: see `RedisRateLimiter`.
 */
import { Effect, Result } from "effect"
import { RateLimited, type Unavailable } from "../../domain/Errors.ts"
import {
  type Admitted,
  type Budget,
  credit,
  type Limit,
  type Standing
} from "../../domain/ports/RateLimiter.ts"
import { Windows } from "./Windows.ts"

export interface Question {
  /** Units given out that the ledger does not know of. */
  readonly spent: number
  /** All units this node gave out in this window; a ledger that has forgotten starts from there. */
  readonly own: number
  /** Units that are waited for. */
  readonly need: number
}

export interface Answer {
  /** Units of the lease. */
  readonly granted: number
  /** What is left for further leases. */
  readonly remaining: number
  /** Milliseconds from the asking until the window ends, at the most. */
  readonly endsIn: number
}

/** What all nodes share, and this node's way to it. */
export interface Ledger {
  readonly ask: (limit: Limit, subject: string, question: Question) => Effect.Effect<Answer, Unavailable>
  readonly clear: (limit: Limit, subject: string) => Effect.Effect<void, Unavailable>
  /** Nodes that share it. */
  readonly nodes: () => number
  readonly now: () => number
  readonly run: (effect: Effect.Effect<void>) => void
}

/** After a question that was not answered the next one waits this long. */
const RETRY_MS = 1000

interface Waiter {
  readonly units: number
  readonly resume: (effect: Effect.Effect<void, RateLimited>) => void
}

class Window {
  end: number
  leased = 0
  spent = 0
  own = 0
  /** The size of the last lease, a quarter of which is the time to renew it. */
  lastLease = 0
  /** Of the shared budget, when the ledger last answered. */
  remaining: number
  isAsking = false
  /** Nothing is left in the ledger for the rest of this window. */
  isDry = false
  /** The ledger does not answer. */
  isCutOff: boolean
  askAgainAt = 0
  waiting: Array<Waiter> = []

  constructor(end: number, max: number, isCutOff: boolean) {
    this.end = end
    this.remaining = max
    this.isCutOff = isCutOff
  }
}

const yes = Result.succeed<void>(undefined)

export class LeasedBudget implements Budget {
  readonly limit: Limit
  readonly #ledger: Ledger
  readonly #credit: number
  readonly #windows: Windows<Window>
  /** The last question of any subject was not answered: a new window does not wait to find that out again. */
  #isCutOff = false

  constructor(limit: Limit, ledger: Ledger, maxSubjects: number) {
    this.limit = limit
    this.#ledger = ledger
    this.#credit = credit(limit.max)
    this.#windows = new Windows(maxSubjects)
  }

  take(subject: string, units = 1): Admitted<void, RateLimited> {
    const now = this.#ledger.now()
    const window = this.#windows.current(subject, now, this.#open)
    const decision = window.waiting.length === 0 ? this.#decide(subject, window, units, now) : undefined
    if (decision !== undefined) return decision
    return Effect.callback((resume) => {
      const waiter: Waiter = { units, resume }
      window.waiting.push(waiter)
      if (!window.isAsking) this.#ask(subject, window)
      return Effect.sync(() => {
        window.waiting = window.waiting.filter((other) => other !== waiter)
      })
    })
  }

  giveBack(subject: string, units = 1): void {
    const window = this.#windows.find(subject, this.#ledger.now())
    if (window === undefined) return
    window.leased += units
    window.own = Math.max(0, window.own - units)
  }

  standing(subject: string): Standing {
    const now = this.#ledger.now()
    const window = this.#windows.find(subject, now)
    if (window === undefined) return { remaining: this.limit.max, resetMs: this.limit.windowMs }
    const remaining = window.isCutOff ? this.#share() - window.own : window.remaining - window.spent
    return { remaining: Math.max(0, remaining) + window.leased, resetMs: window.end - now }
  }

  clear(subject: string): void {
    this.#windows.forget(subject)
    this.#ledger.run(Effect.ignore(this.#ledger.clear(this.limit, subject)))
  }

  readonly #open = (now: number): Window =>
    new Window(now + this.limit.windowMs, this.limit.max, this.#isCutOff)

  #share(): number {
    return Math.ceil(this.limit.max / Math.max(1, this.#ledger.nodes()))
  }

  /** `undefined` where only the ledger can tell. */
  #decide(
    subject: string,
    window: Window,
    units: number,
    now: number
  ): Result.Result<void, RateLimited> | undefined {
    if (window.leased >= units) {
      window.leased -= units
      window.own += units
      if (this.#credit > 0 && window.leased * 4 <= window.lastLease) this.#askAhead(subject, window, now)
      return yes
    }
    const isOnCredit = !window.isDry && window.spent + units <= this.#credit
    if (isOnCredit || (window.isCutOff && window.own + units <= this.#share())) {
      window.spent += units
      window.own += units
      this.#askAhead(subject, window, now)
      return yes
    }
    if (units > this.limit.max || window.isDry) return this.#no(window, now)
    if (window.isCutOff && (window.isAsking || now < window.askAgainAt)) {
      return this.#no(window, now)
    }
    return undefined
  }

  #no(window: Window, now: number): Result.Result<never, RateLimited> {
    const { max, scope, windowMs } = this.limit
    const retryAfterMs = Math.max(1, window.end - now)
    return Result.fail(new RateLimited({ scope, limit: max, windowMs, retryAfterMs }))
  }

  #askAhead(subject: string, window: Window, now: number): void {
    if (!window.isAsking && !window.isDry && now >= window.askAgainAt) this.#ask(subject, window)
  }

  #ask(subject: string, window: Window): void {
    const askedAt = this.#ledger.now()
    const { own, spent } = window
    const need = window.waiting.reduce((sum, { units }) => sum + units, 0)
    window.isAsking = true
    this.#ledger.run(
      Effect.match(this.#ledger.ask(this.limit, subject, { spent, own, need }), {
        onSuccess: ({ endsIn, granted, remaining }) => {
          window.isAsking = false
          window.isCutOff = false
          this.#isCutOff = false
          window.spent -= spent
          window.leased += granted
          window.lastLease = granted
          window.remaining = remaining
          window.isDry = remaining <= 0
          window.end = askedAt + endsIn
          this.#answerWaiting(subject, window)
        },
        onFailure: () => {
          window.isAsking = false
          window.isCutOff = true
          this.#isCutOff = true
          window.askAgainAt = this.#ledger.now() + RETRY_MS
          this.#answerWaiting(subject, window)
        }
      })
    )
  }

  #answerWaiting(subject: string, window: Window): void {
    const now = this.#ledger.now()
    const waiting = window.waiting
    // Those who come while these are answered stand behind them.
    for (let i = 0; i < waiting.length; i++) {
      const { resume, units } = waiting[i]!
      const decision = this.#decide(subject, window, units, now)
      if (decision === undefined) {
        window.waiting = waiting.slice(i)
        if (!window.isAsking) this.#ask(subject, window)
        return
      }
      resume(Effect.fromResult(decision))
    }
    window.waiting = []
  }
}
