/**
 * One client: a socket that joins its topics when it opens and then hands what arrives to whoever listens.
 * Reports exactly once whether it got that far.
 */
import type { Dialect, Reply } from "./dialects/Dialect.ts"
import type { SocketPlan } from "./Plan.ts"
import { type Address, RawWebSocket } from "./RawWebSocket.ts"

export interface Listener {
  /** A message arrived; the range is valid only during the call. */
  readonly onDelivery: (session: Session, buffer: Buffer, start: number, end: number) => void
  /** The answer to a send. */
  readonly onReply: (session: Session, reply: Reply) => void
}

const nobody: Listener = { onDelivery: () => undefined, onReply: () => undefined }

export class Session {
  readonly plan: SocketPlan
  /** Resolves to undefined when all topics are joined, else to the reason why not. */
  readonly outcome: Promise<string | undefined>
  listener: Listener = nobody
  #closed = false
  readonly #dialect: Dialect
  readonly #socket: RawWebSocket
  readonly #onOutcome: (refusal: string | undefined) => void
  #unanswered: number

  constructor(address: Address, plan: SocketPlan, dialect: Dialect) {
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.plan = plan
    this.outcome = promise
    this.#onOutcome = resolve
    this.#dialect = dialect
    this.#unanswered = plan.topics.length
    this.#socket = new RawWebSocket(address, plan.path, {
      onOpen: () => (dialect.hello === undefined ? this.#join() : this.#socket.send(dialect.hello)),
      onRefused: (status) => resolve(status === 0 ? "connection lost" : `http ${status}`),
      onText: this.#onText,
      onClose: (code) => {
        this.#closed = true
        resolve(`closed ${code ?? "without a code"}`)
      }
    })
  }

  /** The server or the network ended it. */
  get closed(): boolean {
    return this.#closed
  }

  #join(): void {
    this.plan.topics.forEach((topic, index) => {
      this.#socket.send(this.#dialect.join(topic, joinRef(index)))
    })
    if (this.plan.topics.length === 0) this.#onOutcome(undefined)
  }

  readonly #onText = (buffer: Buffer, start: number, end: number): void => {
    const incoming = this.#dialect.read(buffer, start, end)
    if (incoming === "delivery") this.listener.onDelivery(this, buffer, start, end)
    else if (incoming === "ready") this.#join()
    else if (incoming === "ping") this.#socket.send(this.#dialect.pong)
    else if (incoming !== "other") this.#onReply(incoming)
  }

  #onReply(reply: Reply): void {
    if (reply.ref > this.plan.topics.length) {
      this.listener.onReply(this, reply)
    } else if (reply.reason !== undefined) {
      this.#onOutcome(`join: ${reply.reason}`)
    } else if (--this.#unanswered === 0) {
      this.#onOutcome(undefined)
    }
  }

  /** Sends to the last of its topics, the conversation. `ref` must be at least `FIRST_REF`. */
  send(ref: number, content: string): void {
    const index = this.plan.topics.length - 1
    this.#socket.send(this.#dialect.send(this.plan.topics[index]!, joinRef(index), ref, content))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** Joins use the refs 1, 2, …; sends those from here on. */
export const FIRST_REF = 1000

const joinRef = (index: number): number => index + 1
