/** A server that is measured: how to start it, and whom the load generator plays against it. */
import type { Effect, Scope } from "effect"
import type { Plan } from "../load/Plan.ts"
import type { BenchFailed } from "../support/BenchFailed.ts"
import type { Environment, ServerProcess } from "../support/serverProcess.ts"

/** Sockets are dealt out to conversations in equal, consecutive parts. */
export interface Layout {
  readonly sockets: number
  readonly conversations: number
  /**
   * Whether the servers we compare with join a second channel as well, one per socket. Ours always joins its
   * user channel beside the conversation, as every client of it does.
   */
  readonly userChannels: boolean
}

export interface Running extends ServerProcess {
  /** Creates the users and conversations of a layout. */
  readonly provision: (layout: Layout) => Effect.Effect<Plan, BenchFailed>
}

export interface Contender {
  readonly name: string
  /** What outlives a server process: its database, as the environment that leads to it. */
  readonly home: Effect.Effect<Environment, BenchFailed, Scope.Scope>
  /** A server process on its home; a later one finds what an earlier one stored. */
  readonly launch: (home: Environment) => Effect.Effect<Running, BenchFailed, Scope.Scope>
}

export const conversationOf = (socket: number, { sockets, conversations }: Layout): number =>
  Math.floor((socket * conversations) / sockets)
