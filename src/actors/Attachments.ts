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
    // The exit may be there already, so the release has to be known before the process is watched.
    let unwatch = (): void => {}
    const release = this.attach(() => unwatch())
    unwatch = process.onExit((exit) => {
      this.releases.delete(release)
      this.signal(new Envelope(toMessage(exit), undefined))
    })
    return release
  }

  /** Ends `self` by `abort` when `other` ends other than normally. */
  link(other: Process, abort: (exit: Exit.Exit<unknown, unknown>) => void): () => void {
    let unwatch = (): void => {}
    const release = this.attach(() => unwatch())
    unwatch = other.onExit((exit) => {
      this.releases.delete(release)
      if (exitReason(exit) !== "normal") abort(exit)
    })
    return release
  }

  releaseAll(): void {
    for (const release of this.releases) release()
  }

  private attach(undo: () => void): () => void {
    const release = (): void => {
      if (this.releases.delete(release)) undo()
    }
    this.releases.add(release)
    return release
  }
}
