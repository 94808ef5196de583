/**
 * Durable sends at stepped rates: the members of every conversation send in turn, every acknowledgement is
 * timed, and every `seq`, delivered or acknowledged, goes through the ledger. One instance lives over all steps
 * of a server, as its conversations do.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Reply } from "./dialects/Dialect.ts"
import { Histogram, type Latency, latencyOf } from "./Histogram.ts"
import { type Metered, meter } from "./Meter.ts"
import { nowMicros, Pacer } from "./Pacer.ts"
import { SeqLedger } from "./SeqLedger.ts"
import type { Listener, Session } from "./Session.ts"
import { seqOf, stampedContent } from "./stamp.ts"
import { takeRef } from "./takeRef.ts"

/** How long answers and deliveries are awaited after the last send of a step. */
const DRAIN_MILLIS = 10_000

export interface SendsStep extends Metered {
  readonly sent: number
  /** While the step ran: what the server sustains. */
  readonly acknowledgedInTime: number
  /** Late ones included. */
  readonly acknowledged: number
  readonly refusals: Readonly<Record<string, number>>
  readonly unanswered: number
  readonly latency: Latency
  /** The longest a send was late, in milliseconds. */
  readonly maxLag: number
  /** Since the first step: see SeqLedger. */
  readonly disorders: number
  readonly forks: number
  readonly missing: number
}

export class Sends implements Listener {
  readonly #sessions: ReadonlyArray<Session>
  readonly #indexOf: ReadonlyMap<Session, number>
  readonly #serverPid: number
  readonly #ledger: SeqLedger
  /** When each unanswered send left, by its ref. */
  readonly #pending = new Map<number, number>()
  #latency = new Histogram()
  #acknowledged = 0
  #refusals: Record<string, number> = {}

  constructor(sessions: ReadonlyArray<Session>, serverPid: number) {
    this.#sessions = sessions
    this.#indexOf = new Map(sessions.map((session, index) => [session, index]))
    this.#serverPid = serverPid
    this.#ledger = new SeqLedger(sessions.map((session) => session.plan.conversation))
    for (const session of sessions) session.listener = this
  }

  readonly onDelivery = (session: Session, buffer: Buffer, start: number, end: number): void => {
    const seq = seqOf(buffer, start, end)
    if (seq !== undefined) this.#ledger.delivered(this.#indexOf.get(session)!, seq)
  }

  readonly onReply = (session: Session, reply: Reply): void => {
    const sent = this.#pending.get(reply.ref)
    if (sent === undefined) return
    this.#pending.delete(reply.ref)
    if (reply.reason !== undefined || reply.seq === undefined) {
      const reason = reply.reason ?? "no seq"
      this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1
      return
    }
    this.#acknowledged++
    this.#latency.record(nowMicros() - sent)
    this.#ledger.acknowledged(this.#indexOf.get(session)!, reply.ref, reply.seq)
  }

  /** Sends `rate` messages per second for so many seconds, then waits until all are answered and delivered. */
  async step(rate: number, seconds: number): Promise<SendsStep> {
    this.#latency = new Histogram()
    this.#acknowledged = 0
    this.#refusals = {}
    this.#pending.clear()
    const metered = meter(this.#serverPid)
    const pacer = new Pacer(rate, (index) => {
      const ref = takeRef()
      const now = nowMicros()
      this.#pending.set(ref, now)
      this.#sessions[index % this.#sessions.length]!.send(ref, stampedContent(now))
    })
    await sleep(seconds * 1000)
    pacer.stop()
    const measured = {
      ...metered(),
      sent: pacer.sent,
      acknowledgedInTime: this.#acknowledged,
      maxLag: pacer.maxLag / 1000
    }
    await this.#drain()
    return {
      ...measured,
      acknowledged: this.#acknowledged,
      refusals: this.#refusals,
      unanswered: this.#pending.size,
      latency: latencyOf(this.#latency),
      disorders: this.#ledger.disorders,
      forks: this.#ledger.forks,
      missing: this.#ledger.missing()
    }
  }

  async #drain(): Promise<void> {
    const deadline = nowMicros() + DRAIN_MILLIS * 1000
    while (nowMicros() < deadline && (this.#pending.size > 0 || this.#ledger.missing() > 0)) await sleep(100)
  }
}
