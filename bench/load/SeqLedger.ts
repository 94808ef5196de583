/**
 * Checks what a service promises of `seq`: every member of a conversation sees 1, 2, 3, … without a gap; no
 * number is given twice; one sender's numbers rise in the order of its sends; and what was acknowledged reaches
 * every member. Conversations and members are known by index.
 */

interface MemberState {
  readonly conversation: number
  lastSeen: number
  lastAcknowledgedRef: number
  lastAcknowledgedSeq: number
}

export class SeqLedger {
  readonly #members: Array<MemberState>
  readonly #acknowledged: Array<Set<number>>
  #disorders = 0
  #forks = 0

  /** The conversation of each member. */
  constructor(conversationOf: ReadonlyArray<number>) {
    this.#members = conversationOf.map((conversation) => ({
      conversation,
      lastSeen: 0,
      lastAcknowledgedRef: 0,
      lastAcknowledgedSeq: 0
    }))
    this.#acknowledged = Array.from({ length: Math.max(...conversationOf) + 1 }, () => new Set())
  }

  /** `member` received the message numbered `seq`. */
  delivered(member: number, seq: number): void {
    const state = this.#members[member]!
    if (seq !== state.lastSeen + 1) this.#disorders++
    state.lastSeen = Math.max(state.lastSeen, seq)
  }

  /** `member` was told that its send `ref` (rising with every send) got the number `seq`. */
  acknowledged(member: number, ref: number, seq: number): void {
    const state = this.#members[member]!
    const numbers = this.#acknowledged[state.conversation]!
    if (numbers.has(seq)) this.#forks++
    numbers.add(seq)
    const later = ref > state.lastAcknowledgedRef
    if (later !== seq > state.lastAcknowledgedSeq) this.#disorders++
    if (!later) return
    state.lastAcknowledgedRef = ref
    state.lastAcknowledgedSeq = seq
  }

  /** Numbers seen, or given to one sender, out of order, and gaps. */
  get disorders(): number {
    return this.#disorders
  }

  /** Acknowledged numbers given twice in one conversation. */
  get forks(): number {
    return this.#forks
  }

  /** Acknowledged numbers above what a member has seen so far, summed over all members. */
  missing(): number {
    let missing = 0
    for (const { conversation, lastSeen } of this.#members) {
      for (const seq of this.#acknowledged[conversation]!) if (seq > lastSeen) missing++
    }
    return missing
  }
}
