/**
 * What arrived, in order, and waiting for what has not yet. Owns no connection: clients put items in, tests take them
 * out. Waits by the machine's clock, never by `TestClock`.
 */
import { Data, Effect } from "effect"

export class NothingArrived extends Data.TaggedError("NothingArrived")<{ readonly message: string }> {}

export interface WaitOptions<A> {
  /** Take the first item that this accepts and leave the others where they are. */
  readonly where?: (item: A) => boolean
  /** Milliseconds. Default 20 000. */
  readonly deadline?: number
}

export class Inbox<A> {
  readonly name: string
  readonly #all: Array<A> = []
  #waiting: Array<A> = []
  readonly #looks = new Set<() => void>()

  constructor(name: string) {
    this.name = name
  }

  /** Everything that ever arrived, taken or not. */
  get all(): ReadonlyArray<A> {
    return this.#all
  }

  put(item: A): void {
    this.#all.push(item)
    this.#waiting.push(item)
    for (const look of [...this.#looks]) look()
  }

  #take(where: (item: A) => boolean): { readonly item: A } | undefined {
    const index = this.#waiting.findIndex(where)
    if (index < 0) return undefined
    const [item] = this.#waiting.splice(index, 1)
    return { item: item as A }
  }

  /** Takes the oldest item not yet taken, or waits for one. */
  next({ deadline = 20_000, where = () => true }: WaitOptions<A> = {}): Effect.Effect<A, NothingArrived> {
    return Effect.callback((resume) => {
      const look = () => {
        const taken = this.#take(where)
        if (taken !== undefined) settle(Effect.succeed(taken.item))
      }
      const settle = (result: Effect.Effect<A, NothingArrived>) => {
        stop()
        resume(result)
      }
      const stop = () => {
        clearTimeout(timer)
        this.#looks.delete(look)
      }
      const nothing = () =>
        new NothingArrived({
          message: `${this.name}: nothing (that fits) within ${deadline} ms; untaken are ${JSON.stringify(this.#waiting)}`
        })
      const timer = setTimeout(() => settle(Effect.fail(nothing())), deadline)
      this.#looks.add(look)
      look()
      return Effect.sync(stop)
    })
  }
}
