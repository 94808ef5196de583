/**
 * Which master of a Redis Cluster has which slots, as one of its nodes tells it; and where a node that was asked in
 * vain sends who asked. An address is `host:port`, an IPv6 host without brackets. Pure.
 */
import { SLOTS, slotOf } from "./KeySlot.ts"

export class ClusterMap {
  static readonly none = new ClusterMap([], new Uint16Array(SLOTS))

  readonly masters: ReadonlyArray<string>
  /** Of each slot: 0 where nobody has it, or one more than the master's place in `masters`. */
  readonly #owners: Uint16Array

  constructor(masters: ReadonlyArray<string>, owners: Uint16Array) {
    this.masters = masters
    this.#owners = owners
  }

  /** The address of the slot's master. */
  ownerOf(slot: number): string | undefined {
    return this.masters[this.#owners[slot]! - 1]
  }

  /** Whether every slot has a master. */
  get isComplete(): boolean {
    return !this.#owners.includes(0)
  }

  /** A key for each master, of which all but a number is given. */
  keys(prefix: string): ReadonlyArray<string> {
    const found = new Map<string, string>()
    // Some slots for each of a thousand masters are met long before.
    for (let i = 0; found.size < this.masters.length && i < SLOTS; i++) {
      const key = `${prefix}:{${i}}`
      const owner = this.ownerOf(slotOf(key))
      if (owner !== undefined && !found.has(owner)) found.set(owner, key)
    }
    return Array.from(found.values())
  }
}

/** A node that does not know its own address means the one at which it was asked. */
const addressAt = (host: unknown, port: unknown, asked: string): string => {
  const known = typeof host === "string" && host !== "" && host !== "?"
  return `${known ? host : asked.slice(0, asked.lastIndexOf(":"))}:${port}`
}

/** Reads the answer to CLUSTER SLOTS of the node at `asked`; `undefined` for what is none. */
export const parse = (answer: unknown, asked: string): ClusterMap | undefined => {
  if (!Array.isArray(answer)) return undefined
  const owners = new Uint16Array(SLOTS)
  const masters = new Map<string, number>()
  for (const range of answer) {
    if (!Array.isArray(range) || !Array.isArray(range[2])) return undefined
    const [first, last, [host, port]] = range
    const address = addressAt(host, port, asked)
    if (!masters.has(address)) masters.set(address, masters.size + 1)
    owners.fill(masters.get(address)!, Number(first), Number(last) + 1)
  }
  return new ClusterMap(Array.from(masters.keys()), owners)
}

export interface Redirect {
  /** To be asked once, in the middle of a slot's move; or the slot has moved. */
  readonly kind: "ASK" | "MOVED"
  readonly address: string
}

/** Where an error sends who asked the node at `asked`; `undefined` for other errors. */
export const redirectOf = (error: unknown, asked: string): Redirect | undefined => {
  const [kind, , address = ""] = error instanceof Error ? error.message.split(" ") : []
  if (kind !== "ASK" && kind !== "MOVED") return undefined
  const colon = address.lastIndexOf(":")
  return { kind, address: addressAt(address.slice(0, colon), address.slice(colon + 1), asked) }
}
