/**
 * A message on its way to an actor that is not there yet: it waits for one on its way out to be gone, has a new one
 * started, and hands itself over. Only the unusual message needs one; see `LocalRegistry.deliver`.
 */
import { Duration, Exit } from "effect"
import type { Actor, CallOptions } from "../process/Actor.ts"
import { CallTimeout } from "../process/ActorErrors.ts"
import type { Timers } from "../process/Timers.ts"
import type { LocalRegistry } from "./LocalRegistry.ts"
import type { DeliveryError } from "./Registry.ts"

/** What to do with the open actor. Returns how to give that up. */
export type Use<Message> = (actor: Actor<Message>, options?: CallOptions) => () => void

// A start that succeeds with an actor which is closed before it can take the message is not repeated for ever.
const maxStarts = 3

export class Delivery<Key extends string, Message, State, E, R> {
  private readonly registry: LocalRegistry<Key, Message, State, E, R>
  private readonly key: Key
  private readonly use: Use<Message>
  private readonly fail: (exit: Exit.Exit<never, E | DeliveryError>) => void
  private readonly timers: Timers
  private readonly deadline: number
  private readonly cancelDeadline: () => void
  private starts = 0
  private steps = 0
  private cancelStep: () => void = () => {}

  constructor(
    registry: LocalRegistry<Key, Message, State, E, R>,
    key: Key,
    use: Use<Message>,
    fail: (exit: Exit.Exit<never, E | DeliveryError>) => void,
    timers: Timers,
    options: CallOptions | undefined
  ) {
    this.registry = registry
    this.key = key
    this.use = use
    this.fail = fail
    this.timers = timers
    const timeout = options?.timeout
    const timeoutMs = timeout === undefined ? registry.settings.callTimeoutMs : Duration.toMillis(timeout)
    this.deadline = timers.now() + timeoutMs
    this.cancelDeadline = timers.after(timeoutMs, () => {
      this.cancelStep()
      fail(Exit.fail(new CallTimeout({ actor: key, timeoutMs })))
    })
    this.attempt()
  }

  giveUp(): void {
    this.cancelDeadline()
    this.cancelStep()
  }

  private attempt(): void {
    const { registry, key } = this
    const actor = registry.current(key)
    if (actor?.isOpen === true) {
      this.cancelDeadline()
      this.step(() => this.use(actor, { timeout: Math.max(1, this.deadline - this.timers.now()) }))
    } else if (actor !== undefined) {
      this.step(() => actor.onExit(() => this.attempt()))
    } else if (this.starts++ < maxStarts) {
      this.step(() =>
        registry.whenStarted(key, (failure) => {
          if (failure === undefined) this.attempt()
          else this.failWith(failure)
        })
      )
    } else {
      this.failWith(registry.stopped(key))
    }
  }

  /** Begins a step. It can be over, and the next one begun, before it has returned the way to cancel it. */
  private step(begin: () => () => void): void {
    const step = ++this.steps
    const cancel = begin()
    if (step === this.steps) this.cancelStep = cancel
  }

  private failWith(exit: Exit.Exit<never, E | DeliveryError>): void {
    this.cancelDeadline()
    this.fail(exit)
  }
}
