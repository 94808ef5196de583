/** The audit log, for those who review it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { page, pageQuery } from "../../domain/Answers.ts"
import { UserId } from "../../domain/Ids.ts"
import { Timestamp } from "../../domain/Message.ts"
import { AuditAction, AuditTarget } from "../../domain/ports/AuditLog.ts"
import { problems } from "../rest/Problem.ts"

const AuditEntry = Schema.Struct({
  seq: Schema.Int,
  at: Timestamp,
  action: AuditAction,
  outcome: Schema.Literals(["done", "refused"]),
  actor: Schema.NullOr(UserId),
  address: Schema.NullOr(Schema.String),
  targets: Schema.Array(AuditTarget),
  details: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])),
  hash: Schema.String
}).annotate({ identifier: "AuditEntry" })
export type AuditEntry = typeof AuditEntry.Type

export class AuditApi extends HttpApiGroup.make("audit").add(
  HttpApiEndpoint.get("list", "/api/v1/admin/audit", {
    query: {
      ...pageQuery,
      actor: Schema.optionalKey(UserId),
      action: Schema.optionalKey(AuditAction)
    },
    success: page(AuditEntry),
    error: problems(400, 403, 503)
  }).annotateMerge(
    OpenApi.annotations({
      summary: "The audit log, newest first",
      description: "Reading it is on record too. `messaging-service audit verify` checks the hashes."
    })
  )
) {}
