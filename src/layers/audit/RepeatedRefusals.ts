/**
 * Refusals that repeat. Who shows a bad token a thousand times a second would fill a log that is never pruned, and hide
 * in it; so the first of a kind are on record one by one, and the rest of a minute by their number. A kind is who, from
 * where, what and why; not the path or the thing that was asked for, of which one can make up any number.
 */
import type { AuditEvent } from "../../domain/ports/AuditLog.ts"

/** Of a kind, one by one. */
const RECORDED = 10
/** Kinds told apart within a minute; those past it are counted together, by what was refused. */
const MAX_KINDS = 5_000

interface Kind {
  readonly event: AuditEvent
  seen: number
}

export class RepeatedRefusals {
  #kinds = new Map<string, Kind>()

  /** Whether this event goes on record by itself; one that does not is counted. */
  admits({ action, actor, address, details, outcome }: AuditEvent): boolean {
    if (outcome !== "refused") return true
    const key = JSON.stringify([action, actor, address, details])
    const isOther = this.#kinds.size >= MAX_KINDS && !this.#kinds.has(key)
    const kind = isOther
      ? this.#kind(action, { action, outcome }, RECORDED)
      : this.#kind(key, { action, outcome, actor, address, ...(details && { details }) }, 0)
    kind.seen++
    return kind.seen <= RECORDED
  }

  /** What was counted since this was last asked, and forgets it. */
  take(): ReadonlyArray<AuditEvent> {
    const counted: Array<AuditEvent> = []
    for (const { event, seen } of this.#kinds.values()) {
      if (seen <= RECORDED) continue
      counted.push({ ...event, details: { ...event.details, repeated: seen - RECORDED } })
    }
    this.#kinds = new Map()
    return counted
  }

  #kind(key: string, event: AuditEvent, seen: number): Kind {
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    const kind = { event, seen }
    this.#kinds.set(key, kind)
    return kind
  }
}
