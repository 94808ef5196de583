/**
 * Waiting for a fact of the outside world: a row, a log line, a count. Owns the clock it waits by, which is the
 * machine's and never `TestClock`: what is awaited here happens in other processes. A wait inside our own code should
 * be on a Deferred or a Queue instead.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Cause, Data, Effect, Exit } from "effect"

export class PollTimeout extends Data.TaggedError("PollTimeout")<{
  readonly message: string
  readonly last: unknown
}> {}

export interface PollOptions {
  /** Milliseconds after which the wait fails. Default 30 000. */
  readonly deadline?: number
  /** Milliseconds between two looks. Default 20. */
  readonly every?: number
  /** What is waited for, for the failure's text. */
  readonly what?: string
}

type Missing = false | null | undefined

const describe = (last: unknown) => {
  if (last instanceof Error) return `${last.name}: ${last.message}`
  try {
    return JSON.stringify(last) ?? String(last)
  } catch {
    return String(last)
  }
}

type Present<A> = Exclude<A, Missing>

const repeat = Effect.fnUntraced(function* <A, R>(
  look: Effect.Effect<A, unknown, R>,
  { deadline = 30_000, every = 20, what = "the condition" }: PollOptions
) {
  const started = performance.now()
  while (true) {
    const exit = yield* Effect.exit(look)
    const last = Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)
    if (Exit.isSuccess(exit) && last !== false && last !== null && last !== undefined)
      return last as Present<A>
    if (performance.now() - started > deadline) {
      const message = `${what}: not within ${deadline} ms; the last look gave ${describe(last)}`
      return yield* new PollTimeout({ message, last })
    }
    yield* Effect.promise(() => sleep(every))
  }
})

/**
 * Looks again and again until the answer is neither `false`, `null` nor `undefined`, and returns it. A look that
 * fails or throws counts as "not yet"; the last failure is in the text of {@link PollTimeout}.
 */
export function until<A, E, R>(
  look: Effect.Effect<A, E, R>,
  options?: PollOptions
): Effect.Effect<Present<A>, PollTimeout, R>
export function until<A>(
  look: () => A,
  options?: PollOptions
): Effect.Effect<Present<Awaited<A>>, PollTimeout>
export function until(
  look: Effect.Effect<unknown, unknown, unknown> | (() => unknown),
  options: PollOptions = {}
) {
  return repeat(
    Effect.isEffect(look) ? look : Effect.tryPromise({ try: async () => look(), catch: (cause) => cause }),
    options
  )
}
