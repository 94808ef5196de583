/**
 * The calls of an actor that wait for an answer. Each ends exactly once: by its answer, by its deadline, by its
 * caller giving up, or by the actor's exit, which fails all that are left. The caller goes on in a turn of its own,
 * never within the stack of the one who answered.
 *
 * They form a list threaded through themselves, so that a call costs one object. Deadlines are armed late, when the
 * actor has had its turn: most calls are answered by then, and timers are what calls would cost most.
 */
import { Exit } from "effect"
import { ActorStopped, CallTimeout } from "./ActorErrors.ts"
import type { ReplyTo } from "./ReplyTo.ts"
import { enqueue, type Runnable } from "./RunQueue.ts"
import type { Timer, Timers } from "./Timers.ts"

export type Answered = (exit: Exit.Exit<unknown, unknown>) => void

// Calls with all kinds of answers wait in one list, so inside they are untyped; `ReplyTo` is the typed face.
export class PendingCall implements ReplyTo<unknown, unknown>, Timer, Runnable {
  at = 0
  slot = -1
  next: PendingCall | undefined = undefined
  previous: PendingCall | undefined = undefined
  isArmed = false
  isAwaited = true
  readonly timeoutMs: number
  private calls: PendingCalls | undefined = undefined
  private answered: Answered | undefined
  private answer: Exit.Exit<unknown, unknown> | undefined = undefined

  constructor(timeoutMs: number, answered: Answered) {
    this.timeoutMs = timeoutMs
    this.answered = answered
  }

  succeed(value: unknown): boolean {
    return this.done(Exit.succeed(value))
  }

  fail(error: unknown): boolean {
    return this.done(Exit.fail(error))
  }

  done(exit: Exit.Exit<unknown, unknown>): boolean {
    if (!this.isAwaited) return false
    this.leave()
    this.answer = exit
    enqueue(this)
    return true
  }

  /** Hands the answer over. */
  turn(): number {
    const { answered, answer } = this
    this.answered = undefined
    if (answered !== undefined && answer !== undefined) answered(answer)
    return 1
  }

  /** The deadline has come. */
  fire(): void {
    this.calls?.timedOut(this)
  }

  waitIn(calls: PendingCalls): void {
    this.calls = calls
    calls.add(this)
  }

  /** Nobody waits any longer. */
  giveUp(): void {
    this.answered = undefined
    if (this.isAwaited) this.leave()
  }

  private leave(): void {
    this.isAwaited = false
    this.calls?.remove(this)
    this.calls = undefined
  }
}

/** The actor, as its calls see it. */
export interface CallOwner {
  readonly id: string
  readonly timers: Timers
  readonly callTimedOut: () => void
}

export class PendingCalls {
  private readonly owner: CallOwner
  private first: PendingCall | undefined = undefined
  private last: PendingCall | undefined = undefined

  constructor(owner: CallOwner) {
    this.owner = owner
  }

  get isEmpty(): boolean {
    return this.first === undefined
  }

  add(call: PendingCall): void {
    call.previous = this.last
    if (this.last === undefined) this.first = call
    else this.last.next = call
    this.last = call
  }

  remove(call: PendingCall): void {
    if (call.previous === undefined) this.first = call.next
    else call.previous.next = call.next
    if (call.next === undefined) this.last = call.previous
    else call.next.previous = call.previous
    call.next = call.previous = undefined
    this.owner.timers.cancel(call)
  }

  /** Arms the deadlines of the calls that came since the last time: they are at the end of the list. */
  armDeadlines(): void {
    for (let call = this.last; call !== undefined && !call.isArmed; call = call.previous) {
      call.isArmed = true
      this.owner.timers.schedule(call, call.timeoutMs)
    }
  }

  timedOut(call: PendingCall): void {
    this.owner.callTimedOut()
    call.fail(new CallTimeout({ actor: this.owner.id, timeoutMs: call.timeoutMs }))
  }

  failAll(): void {
    while (this.first !== undefined) this.first.fail(new ActorStopped({ actor: this.owner.id }))
  }
}
