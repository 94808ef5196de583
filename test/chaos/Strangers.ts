/**
 * Those whose tokens come from a clock that is more wrong than any may be. Whatever else is broken, nobody lets them in;
 * and they are told why, or that the service is unavailable.
 */
import { Effect } from "effect"
import { WebSocket } from "ws"
import { type Figures, passing, passingReasons } from "./Crowd.ts"
import type { Rig } from "./Rig.ts"

/** Milliseconds between two attempts of one. */
const PAUSE_MS = 500

interface Answer {
  readonly status: number
  readonly reason: string
}

const none: Answer = { status: 503, reason: "" }

const bodyOf = (status: number, text: string): Answer => {
  const { reason = "" }: { readonly reason?: string } = text.startsWith("{") ? JSON.parse(text) : {}
  return { status, reason }
}

const get = async (url: string, headers: Record<string, string> = {}): Promise<Answer> => {
  const response = await fetch(url, {
    headers: { ...headers, connection: "close" },
    signal: AbortSignal.timeout(4_000)
  })
  const text = await response.text()
  // Long-poll answers 200, and means what its body says.
  const { status = response.status }: { readonly status?: number } = text.startsWith("{")
    ? JSON.parse(text)
    : {}
  return bodyOf(status, text)
}

const upgrade = (url: string): Promise<Answer> =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, { handshakeTimeout: 4_000 })
    socket.on("open", () => {
      socket.terminate()
      resolve({ status: 101, reason: "" })
    })
    socket.on("error", () => resolve(none))
    socket.on("unexpected-response", (_, response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      // A node that dies in the middle of its answer has not said why.
      response.on("close", () => resolve(response.complete ? bodyOf(response.statusCode ?? 0, text) : none))
    })
  })

const doors: ReadonlyArray<(rig: Rig, token: string) => Promise<Answer>> = [
  ({ url }, token) => get(`${url}/api/v1/conversations`, { authorization: `Bearer ${token}` }),
  ({ url }, token) => get(`${url}/socket/longpoll?vsn=2.0.0&token=${token}`),
  ({ wsUrl }, token) => upgrade(`${wsUrl}/websocket?vsn=2.0.0&token=${token}`)
]

/** Issued in the future, and expired in the past, by more than the skew and what the nodes' own clocks are off. */
const drifts = [
  { ahead: 90, lifetime: 3_600, reason: "token_claims" },
  { ahead: -150, lifetime: 60, reason: "token_expired" }
] as const

/** Until it is interrupted. */
export const run = (rig: Rig, figures: Figures) =>
  Effect.forEach(
    doors.flatMap((door) => drifts.map((drift) => ({ door, drift }))),
    ({ door, drift: { reason, ...drift } }) =>
      Effect.gen(function* () {
        const { token } = yield* rig.token(drift)
        const answer = yield* Effect.promise(() => door(rig, token).catch(() => none))
        if (answer.reason === reason) figures.refused++
        else if (!passing.has(answer.status) && !passingReasons.has(answer.reason)) {
          figures.violations.push(`a stranger with ${reason} was answered ${answer.status} ${answer.reason}`)
        }
        yield* Effect.sleep(PAUSE_MS)
      }).pipe(Effect.forever),
    { concurrency: "unbounded", discard: true }
  )
