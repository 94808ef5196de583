/** What the parent may ask of a load process, and the messages that carry it. */
import type { Metered } from "./Meter.ts"
import type { Plan } from "./Plan.ts"
import type { SendsStep } from "./Sends.ts"
import type { TrafficWindow } from "./Traffic.ts"

/** `seconds`: until the last one was joined or refused. */
export interface OpenResult extends Metered {
  /** How many sockets did not get to join everything, by reason. */
  readonly refusals: Readonly<Record<string, number>>
}

export interface LoadCommands {
  readonly open: (input: {
    readonly plan: Plan
    readonly concurrency: number
    readonly serverPid: number
  }) => Promise<OpenResult>
  /** One whole window of traffic; `rate` in messages per second. */
  readonly window: (input: {
    readonly rate: number
    readonly settleSeconds: number
    readonly seconds: number
    readonly serverPid: number
  }) => Promise<TrafficWindow>
  readonly startTraffic: (input: { readonly rate: number; readonly serverPid: number }) => Promise<void>
  readonly markTraffic: (input: undefined) => Promise<void>
  /** The window since the last mark. */
  readonly stopTraffic: (input: undefined) => Promise<TrafficWindow>
  readonly sends: (input: {
    readonly rate: number
    readonly seconds: number
    readonly serverPid: number
  }) => Promise<SendsStep>
  /** How many joined sockets have been closed since. */
  readonly lost: (input: undefined) => Promise<number>
}

export interface LoadRequest {
  readonly id: number
  readonly command: keyof LoadCommands
  readonly input: unknown
}

export interface LoadResponse {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}
