/**
 * One long-poll connection between its requests: the frames that wait for the next GET, and the GET that waits for
 * the next frames. It is the transport of its session's outbox. Of two GETs that wait the newer gets the frames.
 */
import { Effect } from "effect"
import type { Transport } from "../../actors/session/Outbox.ts"
import type { Flow, SessionHandle } from "../../actors/session/Sessions.ts"
import type { Serializer } from "../../domain/protocol/Frame.ts"

/** How a GET ends: with frames, in their order, or because the session is no more. */
export type Polled = { readonly messages: ReadonlyArray<string> } | "closed"

/** Called once, unless the request is given up before. */
export type Waiter = (polled: Polled) => void

export class PollSession implements Transport, Flow {
  readonly id: string
  readonly token: string
  readonly serializer: Serializer
  /** Unix ms. */
  lastPolledAt: number
  handle: SessionHandle | undefined
  readonly #now: () => number
  #messages: Array<string> = []
  #characters = 0
  #waiter: Waiter | undefined
  #isClosed = false
  #isPaused = false
  #drained = () => {}
  readonly #resumed: Array<() => void> = []

  /** `now` answers Unix ms. */
  constructor(id: string, token: string, serializer: Serializer, now: () => number) {
    this.id = id
    this.token = token
    this.serializer = serializer
    this.#now = now
    this.lastPolledAt = now()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Hands the waiter what there is, at once or when it comes. */
  poll(waiter: Waiter): void {
    this.lastPolledAt = this.#now()
    this.handle?.touch()
    this.#waiter = waiter
    this.#serve()
  }

  /** The request has waited long enough, or its client is gone: frames wait for the next one. */
  giveUp(waiter: Waiter): void {
    if (this.#waiter === waiter) this.#waiter = undefined
  }

  /** Waits while the session has enough frames to do; ends at once otherwise, or when it is closed. */
  readonly taking: Effect.Effect<void> = Effect.callback((resume) => {
    const proceed = () => resume(Effect.void)
    if (this.#isPaused && !this.#isClosed) this.#resumed.push(proceed)
    else proceed()
  })

  readonly buffered = (): number => this.#characters

  readonly write: Transport["write"] = (frames) => {
    if (this.#isClosed) return true
    for (const { text } of frames) {
      this.#messages.push(text)
      this.#characters += text.length
    }
    this.#serve()
    return this.#characters === 0
  }

  /** Frames that wait are still delivered; the poll after them learns of the end. */
  readonly close = (): void => {
    if (this.#isClosed) return
    this.#isClosed = true
    this.handle?.closed()
    this.resume()
    this.#serve()
  }

  readonly onDrained: Transport["onDrained"] = (listener) => {
    this.#drained = listener
  }

  readonly pause = (): void => {
    this.#isPaused = true
  }

  readonly resume = (): void => {
    this.#isPaused = false
    for (const callback of this.#resumed.splice(0)) callback()
  }

  #serve(): void {
    const waiter = this.#waiter
    if (waiter === undefined || (this.#messages.length === 0 && !this.#isClosed)) return
    this.#waiter = undefined
    if (this.#messages.length === 0) return waiter("closed")
    const messages = this.#messages
    this.#messages = []
    this.#characters = 0
    waiter({ messages })
    this.#drained()
  }
}
