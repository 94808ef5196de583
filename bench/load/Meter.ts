/** The CPU time that went by between two moments: of the server, of this process, of everything else. */
import { type CpuTime, cpuTime, machineBusy, since } from "../support/cpu.ts"
import { nowMicros } from "./Pacer.ts"

export interface Metered {
  readonly seconds: number
  readonly server: CpuTime
  /** Of this process, in microseconds: near one second per second it is the generator that is measured. */
  readonly generatorCpu: number
  /** Of everything else on the machine, a Postgres server included, in microseconds; rough. */
  readonly othersCpu: number
}

/** Starts now; the result gives the time since, each time it is called. */
export const meter = (serverPid: number): (() => Metered) => {
  const at = nowMicros()
  const serverBefore = cpuTime(serverPid)
  const generatorBefore = cpuTime(process.pid)
  const machineBefore = machineBusy()
  return () => {
    const server = since(serverBefore, cpuTime(serverPid))
    const generatorCpu = since(generatorBefore, cpuTime(process.pid)).process
    return {
      seconds: (nowMicros() - at) / 1_000_000,
      server,
      generatorCpu,
      // The machine's counter is coarser than the others, so the difference may fall below zero.
      othersCpu: Math.max(0, machineBusy() - machineBefore - server.process - generatorCpu)
    }
  }
}
