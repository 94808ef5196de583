/**
 * The caller's end of a `call`: where its answer goes. A behaviour answers at once, or keeps the ReplyTo and answers
 * later, from anywhere, plain callbacks included (OTP's `noreply` and `GenServer.reply`).
 *
 * A call ends exactly once: by its answer, by its deadline, by the caller's interruption, or by the actor's exit,
 * which fails every unanswered call. The actor keeps its unanswered calls in a list threaded through the replies
 * themselves, so that a call costs one object.
 */
import { Effect, Exit } from "effect"
import type { Timer } from "./Timers.ts"

export interface ReplyTo<in A, in E = never> {
  /** False once the call has ended: answered, timed out, interrupted, or the actor is gone. */
  readonly isAwaited: boolean
  /** Answers with a value. Returns whether someone was still waiting. */
  readonly succeed: (value: A) => boolean
  /** Answers with a typed failure. Returns whether someone was still waiting. */
  readonly fail: (error: E) => boolean
  /** Answers with an exit. Returns whether someone was still waiting. */
  readonly done: (exit: Exit.Exit<A, E>) => boolean
}

/** Answers a call, as an Effect. */
export const reply = <A>(replyTo: ReplyTo<A, never>, value: A): Effect.Effect<void> =>
  Effect.sync(() => void replyTo.succeed(value))

/** Answers a call with the outcome of an effect: its value, its failure, its defect or its interruption. */
export const replyWith = <A, E, R>(
  replyTo: ReplyTo<A, E>,
  answer: Effect.Effect<A, E, R>
): Effect.Effect<void, never, R> =>
  Effect.onExit(answer, (exit) => Effect.sync(() => void replyTo.done(exit))).pipe(Effect.exit, Effect.asVoid)

/** What a pending reply needs of the actor it waits for. */
export interface ReplyOwner {
  firstPending: Reply | undefined
  lastPending: Reply | undefined
  readonly cancelDeadline: (reply: Reply) => void
  readonly deadlineReached: (reply: Reply) => void
}

export type Answered = (exit: Exit.Exit<unknown, unknown>) => void

// A reply is stored beside replies to other questions, so it is untyped inside; `ReplyTo` is its typed face.
export class Reply implements ReplyTo<unknown, unknown>, Timer {
  at = 0
  slot = -1
  readonly timeoutMs: number
  armed = false
  next: Reply | undefined = undefined
  previous: Reply | undefined = undefined
  private owner: ReplyOwner | undefined = undefined
  private answered: Answered | undefined

  constructor(timeoutMs: number, answered: Answered) {
    this.timeoutMs = timeoutMs
    this.answered = answered
  }

  get isAwaited(): boolean {
    return this.answered !== undefined
  }

  succeed(value: unknown): boolean {
    return this.done(Exit.succeed(value))
  }

  fail(error: unknown): boolean {
    return this.done(Exit.fail(error))
  }

  done(exit: Exit.Exit<unknown, unknown>): boolean {
    const answered = this.answered
    if (answered === undefined) return false
    this.abandon()
    answered(exit)
    return true
  }

  fire(): void {
    this.owner?.deadlineReached(this)
  }

  /** Joins the unanswered calls of an actor. */
  pendAt(owner: ReplyOwner): void {
    this.owner = owner
    this.previous = owner.lastPending
    if (owner.lastPending === undefined) owner.firstPending = this
    else owner.lastPending.next = this
    owner.lastPending = this
  }

  /** Nobody waits any longer: leaves the list and drops the deadline. */
  abandon(): void {
    this.answered = undefined
    const owner = this.owner
    if (owner === undefined) return
    if (this.previous === undefined) owner.firstPending = this.next
    else this.previous.next = this.next
    if (this.next === undefined) owner.lastPending = this.previous
    else this.next.previous = this.previous
    if (this.slot >= 0) owner.cancelDeadline(this)
    this.owner = this.previous = this.next = undefined
  }
}
