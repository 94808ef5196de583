/** Whom the attacks are on: a running service, an attacker with a good token, and others whom it must not reach. */
import type { RunningApp } from "../support/AppProcess.ts"
import type { Chance } from "../support/Chance.ts"

/** A word of the others' conversation. Whoever reads it in an answer has been told what is not theirs. */
export const SECRET = "hostile-canary-4f1c"

export interface Target {
  readonly app: RunningApp
  /** The attacker's own; of a user, and of a service. */
  readonly token: string
  readonly serviceToken: string
  /** The attacker is in one, and not in the other. */
  readonly own: string
  readonly foreign: string
  readonly ownMessage: string
  readonly foreignMessage: string
  readonly foreignUser: string
}

/** What attacks have come to. */
export interface Toll {
  /** Answers, closes and refusals by what they were. */
  readonly outcomes: Map<string, number>
  /** What must not be: empty where everything held. */
  readonly wrong: Array<string>
}

export const count = ({ outcomes }: Toll, outcome: string): void => {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

/** Many attacks of one kind; as many as `times`. */
export type Attack = (target: Target, by: Chance, times: number, toll: Toll) => Promise<void>

/** Looks for what nobody but the others may read, and for what tells of our insides. */
export const inspect = (toll: Toll, what: string, answer: string): void => {
  const found = /hostile-canary-4f1c|\bat .+\.ts:\d+|node_modules|SqlError|SELECT |INSERT INTO/.exec(answer)
  if (found !== null) toll.wrong.push(`${what} was told ${JSON.stringify(answer.slice(0, 300))}`)
}
