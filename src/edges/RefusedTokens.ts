/**
 * A token that was not believed goes on record, and counts against the address it came from. That there was none says
 * nothing; and one that has expired was good once, which no attacker's is.
 */
import type { Refusal } from "../domain/Errors.ts"
import type { Admission } from "../domain/ports/Admission.ts"
import type { AuditLog } from "../domain/ports/AuditLog.ts"
import { limitKey } from "./ClientAddress.ts"

interface Services {
  readonly audit: AuditLog["Service"]
  readonly admission: Admission["Service"]
}

export const noteRefusedToken = ({ admission, audit }: Services, refusal: Refusal, address: string): void => {
  if (refusal._tag !== "TokenRejected" || refusal.reason === "missing") return
  audit.note({ action: "token.refused", outcome: "refused", address, details: { reason: refusal.reason } })
  if (refusal.reason !== "expired") admission.distrust(limitKey(address))
}
