/**
 * The text of an audit entry: what is hashed and stored. One line of JSON, made once. Facts are short by nature, and
 * cut where they are not: what an attacker chose (an address, a path) must not fill the log.
 */

import type { AuditEntry, AuditEvent } from "../../domain/ports/AuditLog.ts"
import { newId } from "../../domain/TimeOrderedId.ts"

const MAX_TEXT = 200

/** JSON without what Postgres cannot hold: NUL, and halves of surrogate pairs. */
const cut = (text: string): string => text.slice(0, MAX_TEXT).toWellFormed().replaceAll("\u0000", "\ufffd")

type Stored = AuditEvent & { readonly id: string; readonly at: number }

export const encode = (
  { action, actor, address, details, outcome, targets }: AuditEvent,
  at: number
): string =>
  JSON.stringify({
    id: newId(),
    at,
    action,
    outcome,
    actor,
    address: address === undefined ? undefined : cut(address),
    targets: targets?.map(({ id, type }) => ({ type, id: cut(id) })),
    details:
      details === undefined
        ? undefined
        : Object.fromEntries(
            Object.entries(details).map(([key, value]) => [
              key,
              typeof value === "string" ? cut(value) : value
            ])
          )
  })

/** Only for what `encode` made. */
export const decode = (text: string, seq: number, hash: string): AuditEntry => {
  const { id: _, ...stored }: Stored = JSON.parse(text)
  return { ...stored, seq, hash }
}
