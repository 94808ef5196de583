/** A token that was not believed goes on record; that there was none says nothing. */
import type { Refusal } from "../domain/Errors.ts"
import type { AuditLog } from "../domain/ports/AuditLog.ts"

export const noteRefusedToken = (audit: AuditLog["Service"], refusal: Refusal, address: string): void => {
  if (refusal._tag !== "TokenRejected" || refusal.reason === "missing") return
  audit.note({ action: "token.refused", outcome: "refused", address, details: { reason: refusal.reason } })
}
