/**
 * Fan-out under a steady rate: one sender per conversation, in turn; every delivery counted, a sample of them
 * timed. Between `mark` and `measure` lies one window.
 */
import { type CpuTime, cpuTime, machineBusy, since } from "../support/cpu.ts"
import type { Reply } from "./dialects/Dialect.ts"
import { Histogram, type Latency, latencyOf } from "./Histogram.ts"
import { nowMicros, Pacer } from "./Pacer.ts"
import type { Listener, Session } from "./Session.ts"
import { sentAt, stampedContent } from "./stamp.ts"
import { takeRef } from "./takeRef.ts"

export interface TrafficWindow {
  readonly seconds: number
  readonly sent: number
  readonly deliveries: number
  readonly bytesPerDelivery: number
  readonly refused: number
  readonly latency: Latency
  readonly server: CpuTime
  /** Of this process, in microseconds: near one second per second it is the generator that is measured. */
  readonly generatorCpu: number
  /** Of everything else on the machine, in microseconds. */
  readonly othersCpu: number
  /** The longest a send was late, in milliseconds. */
  readonly maxLag: number
}

interface Mark {
  readonly at: number
  readonly sent: number
  readonly server: CpuTime
  readonly generator: CpuTime
  readonly machine: number
}

export class Traffic implements Listener {
  readonly #serverPid: number
  readonly #sampleEvery: number
  readonly #pacer: Pacer
  #deliveries = 0
  #bytes = 0
  #refused = 0
  #latency = new Histogram()
  #mark: Mark

  /** `rate` in messages per second, over all conversations. One in `sampleEvery` deliveries is timed. */
  constructor(sessions: ReadonlyArray<Session>, rate: number, serverPid: number, sampleEvery: number) {
    this.#sampleEvery = sampleEvery
    this.#serverPid = serverPid
    for (const session of sessions) session.listener = this
    const senders = [...new Map(sessions.map((session) => [session.plan.conversation, session])).values()]
    this.#mark = this.#now(0)
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

  #now(sent: number): Mark {
    return {
      at: nowMicros(),
      sent,
      server: cpuTime(this.#serverPid),
      generator: cpuTime(process.pid),
      machine: machineBusy()
    }
  }

  /** Begins a window: what was counted before is forgotten. */
  mark(): void {
    this.#deliveries = 0
    this.#bytes = 0
    this.#refused = 0
    this.#latency = new Histogram()
    this.#mark = this.#now(this.#pacer.sent)
  }

  /** The window from the last mark until now. */
  measure(): TrafficWindow {
    const mark = this.#mark
    const now = this.#now(this.#pacer.sent)
    const server = since(mark.server, now.server)
    const generatorCpu = since(mark.generator, now.generator).process
    return {
      seconds: (now.at - mark.at) / 1_000_000,
      sent: now.sent - mark.sent,
      deliveries: this.#deliveries,
      bytesPerDelivery: this.#bytes / this.#deliveries,
      refused: this.#refused,
      latency: latencyOf(this.#latency),
      server,
      generatorCpu,
      othersCpu: now.machine - mark.machine - server.process - generatorCpu,
      maxLag: this.#pacer.maxLag / 1000
    }
  }

  stop(): void {
    this.#pacer.stop()
  }
}
