/**
 * Runs the callbacks of one actor, one at a time. A callback that returns a plain value is run where it is called;
 * one that returns an Effect runs as a fiber, with the context the actor was started in and a scope of the actor's
 * own, made when first needed.
 */
import { Context, Effect, Exit, type Fiber, Scope } from "effect"
import type { Next } from "./Behaviour.ts"

export interface CallbackOwner {
  /** A callback has ended that had not ended at once. */
  readonly settle: () => void
}

export class CallbackRunner<R> {
  private readonly owner: CallbackOwner
  private readonly context: Context.Context<R>
  private scope: Scope.Closeable | undefined = undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private isInterrupted = false

  constructor(owner: CallbackOwner, context: Context.Context<never>) {
    this.owner = owner
    // The effect that starts an actor requires R, so the fiber that runs it has it.
    this.context = context as Context.Context<R>
  }

  /** Whether a callback is in progress. */
  get isBusy(): boolean {
    return this.fiber !== undefined
  }

  /** Interrupts the callback in progress, and every one that is yet to come. */
  interrupt(): void {
    this.isInterrupted = true
    this.fiber?.interruptUnsafe()
  }

  /** Runs a callback; `done` is called in here if it ended at once, and else when its fiber ends. */
  run<A>(callback: () => Next<A, never, R>, done: (exit: Exit.Exit<A, unknown>) => void): void {
    let next: Next<A, never, R>
    try {
      next = callback()
    } catch (defect) {
      done(Exit.die(defect))
      return
    }
    if (Effect.isEffect(next)) this.runEffect(next as Effect.Effect<A, never, R | Scope.Scope>, done, false)
    else done(Exit.succeed(next))
  }

  /** Gives an effect that runs elsewhere the actor's scope. */
  provideScope<A, E>(
    effect: Effect.Effect<A, E, R | Scope.Scope>
  ): Effect.Effect<A, E, Exclude<R, Scope.Scope>> {
    return Effect.provideService(effect, Scope.Scope, this.ownScope())
  }

  /** Closes the actor's scope, which interrupts nothing and is not interrupted. */
  closeScope(exit: Exit.Exit<unknown, unknown>, done: (exit: Exit.Exit<void, unknown>) => void): void {
    const closing = this.scope === undefined ? undefined : Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) done(Exit.void)
    else this.runEffect(closing, done, true)
  }

  private ownScope(): Scope.Scope {
    this.scope ??= Scope.makeUnsafe()
    return this.scope
  }

  private runEffect<A>(
    effect: Effect.Effect<A, unknown, R | Scope.Scope>,
    done: (exit: Exit.Exit<A, unknown>) => void,
    uninterruptible: boolean
  ): void {
    // A context for each run: one that is kept would fill with copies of the services looked up in it.
    const context = Context.add(this.context, Scope.Scope, this.ownScope())
    const fiber = Effect.runForkWith(context)(effect, { uninterruptible })
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      done(exit)
      return
    }
    this.fiber = fiber
    fiber.addObserver((late) => {
      this.fiber = undefined
      done(late)
      this.owner.settle()
    })
    if (this.isInterrupted) fiber.interruptUnsafe()
  }
}
