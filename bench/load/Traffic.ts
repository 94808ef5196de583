/**
 * Fan-out under a steady rate: one sender per conversation, in turn; every delivery counted, a sample of them
 * timed. Between `mark` and `measure` lies one window.
 */
import type { Reply } from "./dialects/Dialect.ts"
import { Histogram, type Latency, latencyOf } from "./Histogram.ts"
import { type Metered, meter } from "./Meter.ts"
import { nowMicros, Pacer } from "./Pacer.ts"
import type { Listener, Session } from "./Session.ts"
import { sentAt, stampedContent } from "./stamp.ts"
import { takeRef } from "./takeRef.ts"

export interface TrafficWindow extends Metered {
  readonly sent: number
  readonly deliveries: number
  readonly bytesPerDelivery: number
  readonly refused: number
  readonly latency: Latency
  /** The longest a send was late, in milliseconds. */
  readonly maxLag: number
}

export class Traffic implements Listener {
  readonly #serverPid: number
  readonly #sampleEvery: number
  readonly #pacer: Pacer
  #deliveries = 0
  #bytes = 0
  #refused = 0
  #latency = new Histogram()
  #sentBefore = 0
  #metered: () => Metered

  /** `rate` in messages per second, over all conversations. One in `sampleEvery` deliveries is timed. */
  constructor(sessions: ReadonlyArray<Session>, rate: number, serverPid: number, sampleEvery: number) {
    this.#sampleEvery = sampleEvery
    this.#serverPid = serverPid
    for (const session of sessions) session.listener = this
    const senders = [...new Map(sessions.map((session) => [session.plan.conversation, session])).values()]
    this.#metered = meter(serverPid)
    this.#pacer = new Pacer(rate, (index) => {
      senders[index % senders.length]!.send(takeRef(), stampedContent(nowMicros()))
    })
  }

  readonly onDelivery = (_session: Session, buffer: Buffer, start: number, end: number): void => {
    this.#bytes += end - start
    if (++this.#deliveries % this.#sampleEvery !== 0) return
    const sent = sentAt(buffer, start, end)
    if (sent !== undefined) this.#latency.record(nowMicros() - sent)
  }

  readonly onReply = (_session: Session, reply: Reply): void => {
    if (reply.reason !== undefined) this.#refused++
  }

  /** Begins a window: what was counted before is forgotten. */
  mark(): void {
    this.#deliveries = 0
    this.#bytes = 0
    this.#refused = 0
    this.#latency = new Histogram()
    this.#sentBefore = this.#pacer.sent
    this.#metered = meter(this.#serverPid)
  }

  /** The window from the last mark until now. */
  measure(): TrafficWindow {
    return {
      ...this.#metered(),
      sent: this.#pacer.sent - this.#sentBefore,
      deliveries: this.#deliveries,
      bytesPerDelivery: this.#bytes / this.#deliveries,
      refused: this.#refused,
      latency: latencyOf(this.#latency),
      maxLag: this.#pacer.maxLag / 1000
    }
  }

  stop(): void {
    this.#pacer.stop()
  }
}
