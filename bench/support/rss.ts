/** Resident memory of a process as the operating system accounts it, read when it has come to rest. */
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

/** Bytes. */
export const rss = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "ascii"))?.[1]) * 1024

const POLL_MILLIS = 500
/** At rest: within so much of its size, for so long. An idle V8 collects its garbage some seconds later. */
const TOLERANCE = 0.005

export interface SettleOptions {
  readonly restMillis: number
  readonly atMostMillis: number
}

/** Bytes, when the process has come to rest or the time is up. Never forces a collection. */
export const settledRss = async (
  pid: number,
  { restMillis, atMostMillis }: SettleOptions
): Promise<number> => {
  const deadline = Date.now() + atMostMillis
  let reference = rss(pid)
  let restingSince = Date.now()
  while (Date.now() < deadline && Date.now() - restingSince < restMillis) {
    await sleep(POLL_MILLIS)
    const now = rss(pid)
    if (Math.abs(now - reference) <= reference * TOLERANCE) continue
    reference = now
    restingSince = Date.now()
  }
  return rss(pid)
}
