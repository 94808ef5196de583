/**
 * The process that plays the clients of one server. It does what its parent asks over IPC, one request at a
 * time, and ends with it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Dialect } from "./dialects/Dialect.ts"
import { phoenix } from "./dialects/phoenix.ts"
import { socketio } from "./dialects/socketio.ts"
import { typingIndicators } from "./dialects/typing.ts"
import type { LoadCommands, LoadRequest, LoadResponse } from "./LoadCommands.ts"
import { meter } from "./Meter.ts"
import type { DialectName } from "./Plan.ts"
import { Sends } from "./Sends.ts"
import { Session } from "./Session.ts"
import { Traffic } from "./Traffic.ts"

const dialects: Record<DialectName, Dialect> = { phoenix, socketio, typing: typingIndicators }

/** One in this many deliveries of a window is timed; prime, so that it does not fall in step with the recipients. */
const SAMPLE_EVERY = 17

/** How long deliveries under way are waited for, so that the slowest are in the measurement. */
const LAST_DELIVERIES_MILLIS = 2000

const sessions: Array<Session> = []
let traffic: Traffic | undefined
let sends: Sends | undefined

/** Opens so many at once; all of them at once when `concurrency` is not less than their number. */
const open: LoadCommands["open"] = async ({ plan, concurrency, serverPid }) => {
  const metered = meter(serverPid)
  const refusals: Record<string, number> = {}
  const queue = plan.sockets[Symbol.iterator]()
  const opener = async (): Promise<void> => {
    for (const socket of queue) {
      const session = new Session(plan.address, socket, dialects[plan.dialect])
      const refusal = await session.outcome
      if (refusal === undefined) sessions.push(session)
      else refusals[refusal] = (refusals[refusal] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, opener))
  return { ...metered(), refusals }
}

const commands: LoadCommands = {
  open,
  window: async ({ rate, settleSeconds, seconds, serverPid }) => {
    const running = new Traffic(sessions, rate, serverPid, SAMPLE_EVERY)
    await sleep(settleSeconds * 1000)
    running.mark()
    await sleep(seconds * 1000)
    const window = running.measure()
    running.stop()
    return window
  },
  startTraffic: async ({ rate, serverPid }) => {
    traffic = new Traffic(sessions, rate, serverPid, 1)
  },
  markTraffic: async () => traffic?.mark(),
  stopTraffic: async () => {
    if (traffic === undefined) throw new Error("no traffic was started")
    traffic.stop()
    await sleep(LAST_DELIVERIES_MILLIS)
    return traffic.measure()
  },
  sends: ({ rate, seconds, serverPid }) => {
    sends ??= new Sends(sessions, serverPid)
    return sends.step(rate, seconds)
  },
  lost: async () => sessions.filter((session) => session.closed).length
}

const answer = (response: LoadResponse): void => void process.send?.(response)

process.on("message", ({ id, command, input }: LoadRequest) => {
  const run = commands[command] as (input: unknown) => Promise<unknown>
  run(input).then(
    (result) => answer({ id, result }),
    (error: unknown) =>
      answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  )
})
process.on("disconnect", () => process.exit(0))
