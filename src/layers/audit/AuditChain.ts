/**
 * The seals of the audit log, as the database makes them (see the migration), and the search for the first entry
 * that does not fit. Whoever changes an entry has to make all later seals anew; whoever does that cannot keep a
 * head that somebody else has noted.
 */
import { createHash } from "node:crypto"

export interface Head {
  readonly seq: number
  /** Hexadecimal. */
  readonly hash: string
}

/** One entry as it is stored. */
export interface Link extends Head {
  readonly entry: string
}

export type Flaw =
  /** An entry is not there; those after it are. */
  | { readonly kind: "missing"; readonly seq: number }
  /** An entry is not the one that was sealed here: changed, replaced or moved. */
  | { readonly kind: "changed"; readonly seq: number }
  /** The log ends before the head that is on record. */
  | { readonly kind: "cut"; readonly seq: number }
  /** Entries that no writer appended, after the head. */
  | { readonly kind: "added"; readonly seq: number }
  /** The whole chain fits, and is not the one whose head was noted. */
  | { readonly kind: "rewritten"; readonly seq: number }

/** Before the first entry. */
export const origin: Head = { seq: 0, hash: "00".repeat(32) }

export const seal = (before: Head, entry: string): Head => {
  const seq = before.seq + 1
  const hash = createHash("sha256").update(before.hash, "hex").update(`${seq}\n${entry}`).digest("hex")
  return { seq, hash }
}

/** What is wrong with the entry that should follow, if anything. */
export const flawOf = (before: Head, link: Link): Flaw | undefined => {
  const expected = seal(before, link.entry)
  if (link.seq !== expected.seq) return { kind: "missing", seq: expected.seq }
  return link.hash === expected.hash ? undefined : { kind: "changed", seq: link.seq }
}
