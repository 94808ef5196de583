/**
 * What every connection is to those who watch over connections, whatever protocol it speaks: who is at its other end,
 * its outbox, the work it has under way, and the ways it is ended from our side. What its frames do is its own.
 */
import { Cause, Effect, Exit, type Fiber } from "effect"
import type { Identity } from "../../domain/Identity.ts"
import type { SessionId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { Outbox } from "./Outbox.ts"

/** RFC 6455's close code for a peer that we will not serve. */
const POLICY_VIOLATION = 1008

export interface ConnectedOptions {
  readonly id: SessionId
  /** The client's, as limits count it. */
  readonly address: string
  /** Unix ms. */
  readonly connectedAt: number
  readonly identity: Identity
  readonly outbox: Outbox
  /** Runs an effect as a fiber of the sessions' supervisor. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Called when it goes on with another token. */
  readonly wentOn: (connected: Connected) => void
}

/**
 * Closes the connection in its turn among the client's frames: what came before is done and answered, and what comes
 * after is ignored. No client can send it.
 */
export class Closing {
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    this.code = code
    this.reason = reason
  }
}

export abstract class Connected<F = never> {
  #caller: { readonly identity: Identity; readonly sessionId: SessionId }
  readonly address: string
  readonly connectedAt: number
  readonly outbox: Outbox
  readonly #wentOn: ConnectedOptions["wentOn"]
  readonly #fork: ConnectedOptions["fork"]
  #onJoinsChanged: ((topic: string) => void) | undefined
  #hasEnded = false
  /** Effects that were forked and are not done. */
  #inFlight = 0
  /** Called, once each, when nothing is in flight any more. */
  readonly #onSettled: Array<() => void> = []

  constructor(options: ConnectedOptions) {
    this.#caller = { identity: options.identity, sessionId: options.id }
    this.address = options.address
    this.connectedAt = options.connectedAt
    this.outbox = options.outbox
    this.#wentOn = options.wentOn
    this.#fork = options.fork
  }

  /** What a frame does; `undefined` when it is done already. */
  abstract handle(frame: F | Closing): Effect.Effect<void> | undefined
  /** Ends what there is of this topic: its user is no member any more. */
  abstract kick(topic: string): void
  abstract hasJoined(topic: string): boolean
  /** Hands the publication of another topic to what there is of this one. */
  abstract preview(topic: string, publication: Publication): void
  /** Tells the client that its token expires soon; false when there is no way to. */
  abstract expiring(seconds: number): boolean

  get caller(): { readonly identity: Identity; readonly sessionId: SessionId } {
    return this.#caller
  }

  goOnAs(identity: Identity): void {
    this.#caller = { ...this.#caller, identity }
    this.#wentOn(this)
  }

  fork(effect: Effect.Effect<void>): void {
    this.#inFlight++
    this.#fork(effect).addObserver(this.#landed)
  }

  expect<A>(done: (outcome: A) => void): (outcome: A) => void {
    this.#inFlight++
    return (outcome) => {
      try {
        done(outcome)
        this.#landed(Exit.void)
      } catch (defect) {
        this.#landed(Exit.die(defect))
      }
    }
  }

  readonly #landed = (exit: Exit.Exit<void>): void => {
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
      this.#fork(Effect.logError("A connection's work crashed", exit.cause))
    }
    if (--this.#inFlight > 0) return
    for (const resume of this.#onSettled.splice(0)) resume()
  }

  protected get isSettled(): boolean {
    return this.#inFlight === 0
  }

  /** Waits until what was forked is done, replies included. */
  get settled(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.isSettled) resume(Effect.void)
      else this.#onSettled.push(() => resume(Effect.void))
    })
  }

  protected whenSettled(then: () => void): Effect.Effect<void> | undefined {
    if (!this.isSettled) return Effect.map(this.settled, then)
    then()
    return undefined
  }

  /** Sets the one listener for topics that are joined or left, until the session ends. */
  onJoinsChanged(listener: (topic: string) => void): void {
    this.#onJoinsChanged = listener
  }

  protected joinsChanged(topic: string): void {
    this.#onJoinsChanged?.(topic)
  }

  /** The token of this connection is worth nothing any more. What its client has sent is not done. */
  revoked(): void {
    this.outbox.close(POLICY_VIOLATION, "token_revoked")
  }

  /** Its token expired, and no newer one came. */
  expired(): void {
    this.outbox.close(POLICY_VIOLATION, "token_expired")
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The connection is gone. */
  end(): void {
    this.#hasEnded = true
  }
}
