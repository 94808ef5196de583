/** What a user reports to those who run the service: a message, a user or a conversation that they can see. */
import { Schema } from "effect"
import { isText } from "./BoundedJson.ts"
import { ConversationId, MessageId, UserId } from "./Ids.ts"
import { Position, Timestamp } from "./Message.ts"

export const ReportReason = Schema.Literals([
  "spam",
  "harassment",
  "hate",
  "violence",
  "sexual_content",
  "self_harm",
  "illegal",
  "impersonation",
  "other"
]).annotate({ identifier: "ReportReason" })
export type ReportReason = typeof ReportReason.Type

export const ReportTarget = Schema.Union([
  Schema.Struct({ type: Schema.Literal("message"), id: MessageId }),
  Schema.Struct({ type: Schema.Literal("user"), id: UserId }),
  Schema.Struct({ type: Schema.Literal("conversation"), id: ConversationId })
]).annotate({ identifier: "ReportTarget" })
export type ReportTarget = typeof ReportTarget.Type

/** Characters of a report's comment. */
export const MAX_REPORT_COMMENT = 2_000

const Comment = Schema.String.pipe(
  Schema.check(
    Schema.isMinLength(1),
    Schema.isMaxLength(MAX_REPORT_COMMENT),
    Schema.makeFilter(isText, { expected: "text without U+0000 and lone surrogates" })
  )
)

export const NewReport = Schema.Struct({
  target: ReportTarget,
  reason: ReportReason,
  comment: Schema.optionalKey(Comment)
}).annotate({ identifier: "NewReport" })
export type NewReport = typeof NewReport.Type

export const ReportId = Schema.String.pipe(Schema.check(Schema.isUUID()))

/** As its reporter sees it. */
export const Report = Schema.Struct({
  id: ReportId,
  target: ReportTarget,
  reason: ReportReason,
  comment: Schema.NullOr(Schema.String),
  created_at: Timestamp
}).annotate({ identifier: "Report" })
export type Report = typeof Report.Type

/** As operators see it: who reported it, where it was, whose doing it is, and which version of a message. */
export const FiledReport = Schema.Struct({
  ...Report.fields,
  reporter_id: UserId,
  conversation_id: Schema.NullOr(ConversationId),
  user_id: Schema.NullOr(UserId),
  version_seq: Schema.NullOr(Position)
}).annotate({ identifier: "FiledReport" })
export type FiledReport = typeof FiledReport.Type
