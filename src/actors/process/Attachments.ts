/**
 * What an actor has set going and must not outlive: its timers, monitors and links. They reach it as messages, which
 * are never refused for want of room, because there is at most one per timer or monitor.
 */
import { Duration, type Exit } from "effect"
import { exitReason } from "./ExitReason.ts"
import { Envelope } from "./Mailbox.ts"
import type { Process } from "./Process.ts"
import type { Timers } from "./Timers.ts"

type Signal<Message> = (envelope: Envelope<Message>) => void

export class Attachments<Message> {
  private readonly timers: Timers
  private readonly signal: Signal<Message>
  private readonly releases = new Set<() => void>()
  private isReleased = false

  constructor(timers: Timers, signal: Signal<Message>) {
    this.timers = timers
    this.signal = signal
  }

  sendAfter(delay: Duration.Input, message: Message): () => void {
    const release = this.attach(
      this.timers.after(Duration.toMillis(delay), () => {
        this.releases.delete(release)
        this.signal(new Envelope(message, undefined))
      })
    )
    return release
  }

  sendEvery(period: Duration.Input, message: Message): () => void {
    const periodMs = Math.max(1, Duration.toMillis(period))
    const envelope = new Envelope(message, undefined)
    const tick = (): void => {
      cancelNext = this.timers.after(periodMs, tick)
      if (!envelope.isQueued) this.signal(envelope)
    }
    let cancelNext = this.timers.after(periodMs, tick)
    return this.attach(() => cancelNext())
  }

  monitor(process: Process, toMessage: (exit: Exit.Exit<unknown, unknown>) => Message): () => void {
    return this.watch(process, (exit) => this.signal(new Envelope(toMessage(exit), undefined)))
  }

  /** Ends the actor by `abort` when `other` ends other than normally. */
  link(other: Process, abort: (exit: Exit.Exit<unknown, unknown>) => void): () => void {
    return this.watch(other, (exit) => {
      if (exitReason(exit) !== "normal") abort(exit)
    })
  }

  private watch(process: Process, exited: (exit: Exit.Exit<unknown, unknown>) => void): () => void {
    let hasExited = false
    let release = (): void => {}
    const unwatch = process.onExit((exit) => {
      hasExited = true
      this.releases.delete(release)
      exited(exit)
    })
    if (!hasExited) release = this.attach(unwatch)
    return release
  }

  /** The actor ends: gives up all there is, and all that is still to come. */
  releaseAll(): void {
    this.isReleased = true
    for (const release of this.releases) release()
  }

  private attach(undo: () => void): () => void {
    if (this.isReleased) {
      undo()
      return () => {}
    }
    const release = (): void => {
      if (this.releases.delete(release)) undo()
    }
    this.releases.add(release)
    return release
  }
}
