/** One window of time for each subject, bounded in number. What has ended leaves as others come: nobody sweeps. */
export class Windows<W extends { readonly end: number }> {
  /** The oldest first; those of one scope are about equally long. */
  readonly #windows = new Map<string, W>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#windows.size
  }

  find(subject: string, now: number): W | undefined {
    const found = this.#windows.get(subject)
    return found !== undefined && found.end > now ? found : undefined
  }

  /** The subject's window, or a new one where the last has ended. */
  current(subject: string, now: number, open: (now: number) => W): W {
    const found = this.#windows.get(subject)
    if (found !== undefined && found.end > now) return found
    if (found !== undefined) this.#windows.delete(subject)
    this.#makeRoom(now)
    const opened = open(now)
    this.#windows.set(subject, opened)
    return opened
  }

  forget(subject: string): void {
    this.#windows.delete(subject)
  }

  /** Two leave for each one that comes, so that those which have ended do not pile up. */
  #makeRoom(now: number): void {
    let looked = 0
    for (const [subject, { end }] of this.#windows) {
      if (looked++ === 2) return
      if (end > now && this.#windows.size < this.#capacity) return
      this.#windows.delete(subject)
    }
  }
}
