/**
 * CPU time of a process as the operating system accounts it, user and system together, over all its threads:
 * never what a program says of itself. Linux only. Read from `/proc/<pid>/task/<tid>/schedstat` (nanoseconds);
 * a kernel without it has `/proc/<pid>/stat` (utime + stime, in ticks of 10 ms).
 *
 * Gotcha: the time of threads that ended meanwhile is not in `schedstat`. Node keeps its threads.
 */
import { readdirSync, readFileSync } from "node:fs"

/** Microseconds. `main` is the main thread, which runs the event loop; the rest are the engine's and workers'. */
export interface CpuTime {
  readonly process: number
  readonly main: number
}

const MICROS_PER_TICK = 10_000

const scheduled = (path: string): number => Number(readFileSync(path, "ascii").split(" ")[0]) / 1000

/** utime and stime are fields 14 and 15; the second field, the name, may contain spaces but ends in `)`. */
const ticks = (path: string): number => {
  const stat = readFileSync(path, "ascii")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK
}

const precise = (pid: number): CpuTime => {
  const tasks = `/proc/${pid}/task`
  let sum = 0
  for (const tid of readdirSync(tasks)) sum += scheduled(`${tasks}/${tid}/schedstat`)
  return { process: sum, main: scheduled(`${tasks}/${pid}/schedstat`) }
}

const coarse = (pid: number): CpuTime => ({
  process: ticks(`/proc/${pid}/stat`),
  main: ticks(`/proc/${pid}/task/${pid}/stat`)
})

const hasSchedstat = ((): boolean => {
  try {
    return scheduled("/proc/self/schedstat") > 0
  } catch {
    return false
  }
})()

export const cpuTime = (pid: number): CpuTime => (hasSchedstat ? precise(pid) : coarse(pid))

/** Microseconds all processors were busy, or taken away by the host of a virtual machine, since the start. */
export const machineBusy = (): number => {
  const [user, nice, system, , , irq, softIrq, steal] = readFileSync("/proc/stat", "ascii")
    .split("\n", 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user! + nice! + system! + irq! + softIrq! + steal!) * MICROS_PER_TICK
}

export const since = (before: CpuTime, after: CpuTime): CpuTime => ({
  process: after.process - before.process,
  main: after.main - before.main
})
