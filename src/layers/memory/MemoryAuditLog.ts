/** The audit log of tests and of compositions without a database: on record at once, and gone with the process. */
import { Clock, Effect, Layer } from "effect"
import { type AuditEntry, type AuditEvent, AuditLog } from "../../domain/ports/AuditLog.ts"
import * as AuditChain from "../audit/AuditChain.ts"
import * as AuditText from "../audit/AuditText.ts"

export const layer = Layer.effect(
  AuditLog,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const entries: Array<AuditEntry> = []
    let head = AuditChain.origin

    const note = (event: AuditEvent): void => {
      const entry = AuditText.encode(event, clock.currentTimeMillisUnsafe())
      head = AuditChain.seal(head, entry)
      entries.push(AuditText.decode(entry, head.seq, head.hash))
    }

    return AuditLog.of({
      note,
      record: (event) => Effect.sync(() => note(event)),
      read: ({ action, actor, beforeSeq = Infinity, limit }) =>
        Effect.sync(() =>
          entries
            .filter((entry) => entry.seq < beforeSeq)
            .filter((entry) => actor === undefined || entry.actor === actor)
            .filter((entry) => action === undefined || entry.action === action)
            .reverse()
            .slice(0, limit)
        )
    })
  })
)
