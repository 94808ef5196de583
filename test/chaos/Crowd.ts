/**
 * The clients under chaos, as good clients are: a sender tries again, with the same `client_random`, until a message is
 * acknowledged; a reader resumes after what it has. They keep what they saw, for the checker.
 */
import { Effect } from "effect"
import { LongPoll } from "phoenix"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import type { Rig } from "./Rig.ts"
import type { Member } from "./Tokens.ts"

/** A message that the service has said is stored. */
export interface Acknowledged {
  readonly conversation: string
  readonly sender: string
  readonly clientRandom: number
  readonly id: string
  readonly seq: number
}

export interface Figures {
  acknowledged: number
  attempts: number
  /** Milliseconds from the first attempt to the acknowledgement, of each message. */
  readonly took: Array<number>
  /** Connections and requests with a token of a clock that is too wrong. */
  refused: number
  /** Answers that a client under an outage may not get. */
  readonly violations: Array<string>
}

interface Sent {
  readonly id: string
  readonly seq: number
}

/** What a client is told to try again after. */
export const passing = new Set([408, 429, 502, 503, 504])

const RETRY_MS = 100

const ATTEMPT_MS = 4_000

export type Attempt = (conversation: string, clientRandom: number) => Promise<Sent | undefined>

/** Over REST, each request through the door. */
export const rest =
  (rig: Rig, { token }: Member, figures: Figures): Attempt =>
  async (conversation, clientRandom) => {
    try {
      const response = await fetch(`${rig.url}/api/v1/conversations/${conversation}/messages`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          connection: "close"
        },
        body: JSON.stringify({ content: `message ${clientRandom}`, client_random: clientRandom }),
        signal: AbortSignal.timeout(ATTEMPT_MS)
      })
      const text = await response.text()
      if (response.ok) return JSON.parse(text)
      if (!passing.has(response.status)) figures.violations.push(`POST answered ${response.status}: ${text}`)
    } catch {
      // No answer: whether it was stored, the next attempt will tell.
    }
    return undefined
  }

interface SendReply {
  readonly message_id: string
  readonly seq: number
}

/** The last one crosses a `phx_error` on its way, after which the client joins again. */
export const passingReasons = new Set(["unavailable", "overloaded", "rate_limited", "unmatched topic"])

/** What was pushed over it is not answered any more. */
const lost = ({ raw }: PhoenixClient.ClientChannel<unknown>) =>
  Effect.callback<undefined>((resume) => {
    const ref = raw.onError(() => resume(Effect.undefined))
    return Effect.sync(() => raw.off("phx_error", ref))
  })

/** Over a channel that is joined. */
export const push =
  (channel: PhoenixClient.ClientChannel<unknown>, figures: Figures): Attempt =>
  (_, clientRandom) =>
    channel
      .push<SendReply>(
        "send_message",
        { content: `message ${clientRandom}`, client_random: clientRandom },
        ATTEMPT_MS
      )
      .pipe(
        Effect.map(({ message_id, seq }) => ({ id: message_id, seq })),
        Effect.catch(({ response, status }) =>
          Effect.sync(() => {
            const reason = String((response as { readonly reason?: unknown } | undefined)?.reason)
            if (status === "error" && !passingReasons.has(reason))
              figures.violations.push(`push answered ${reason}`)
            return undefined
          })
        ),
        Effect.raceFirst(lost(channel)),
        Effect.runPromise
      )

/** Sends until it is told to stop, and does not stop before its last message is acknowledged. */
export class Sender {
  readonly acknowledged: Array<Acknowledged> = []
  #isOver = false
  readonly #conversation: string
  readonly #sender: string
  readonly #attempt: Attempt
  readonly #figures: Figures
  readonly #pauseMs: number

  constructor(conversation: string, sender: string, attempt: Attempt, figures: Figures, pauseMs: number) {
    this.#conversation = conversation
    this.#sender = sender
    this.#attempt = attempt
    this.#figures = figures
    this.#pauseMs = pauseMs
  }

  stop(): void {
    this.#isOver = true
  }

  async run(): Promise<void> {
    for (let clientRandom = 0; !this.#isOver; clientRandom++) {
      await this.#send(clientRandom)
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs))
    }
  }

  async #send(clientRandom: number): Promise<void> {
    const started = performance.now()
    for (;;) {
      this.#figures.attempts++
      const sent = await this.#attempt(this.#conversation, clientRandom)
      if (sent !== undefined) {
        this.#figures.acknowledged++
        this.#figures.took.push(performance.now() - started)
        const { id, seq } = sent
        this.acknowledged.push({
          conversation: this.#conversation,
          sender: this.#sender,
          clientRandom,
          id,
          seq
        })
        return
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

const impatient = { heartbeatIntervalMs: 1_500, timeout: 3_000 }

/** Through the door: of a long-poll client each request, to whichever node. */
export const connect = (rig: Rig, { token }: Member, transport: "websocket" | "longpoll") =>
  PhoenixClient.connect({
    url: rig.wsUrl,
    params: { token },
    waitForOpen: false,
    ...impatient,
    ...(transport === "longpoll" ? { transport: LongPoll } : {})
  })
