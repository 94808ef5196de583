/**
 * The schema's history, applied at start and by `npm run migrate`: forward-only, one file per step, each in order
 * and once. All steps of one run are one transaction under a lock on the migrations table, so nodes that start
 * together do not race, and a step that fails leaves the schema as it was.
 */
import { Effect, Record, Schema } from "effect"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import conversations from "../../../migrations/0001_conversations.ts"
import conversationMembers from "../../../migrations/0002_conversation_members.ts"
import messages from "../../../migrations/0003_messages.ts"
import deliveryStatuses from "../../../migrations/0004_delivery_statuses.ts"
import pinnedMessages from "../../../migrations/0005_pinned_messages.ts"
import messageReactions from "../../../migrations/0006_message_reactions.ts"
import messageAttachments from "../../../migrations/0007_message_attachments.ts"
import conversationSettings from "../../../migrations/0008_conversation_settings.ts"
import scheduledMessages from "../../../migrations/0009_scheduled_messages.ts"
import appendMessages from "../../../migrations/0010_append_messages.ts"
import hiddenMessages from "../../../migrations/0011_hidden_messages.ts"
import changeMessages from "../../../migrations/0012_change_messages.ts"
import attachments from "../../../migrations/0013_attachments.ts"
import auditLog from "../../../migrations/0014_audit_log.ts"
import expiry from "../../../migrations/0015_expiry.ts"
import retention from "../../../migrations/0016_retention.ts"
import mentions from "../../../migrations/0017_mentions.ts"
import search from "../../../migrations/0018_search.ts"
import scheduled from "../../../migrations/0019_scheduled.ts"
import userPreferences from "../../../migrations/0020_user_preferences.ts"
import drafts from "../../../migrations/0021_drafts.ts"
import membership from "../../../migrations/0022_membership.ts"
import changedAt from "../../../migrations/0023_changed_at.ts"
import ownGroups from "../../../migrations/0024_own_groups.ts"
import deliveryTimes from "../../../migrations/0025_delivery_times.ts"
import lastSeen from "../../../migrations/0026_last_seen.ts"
import idempotencyKeys from "../../../migrations/0027_idempotency_keys.ts"
import reports from "../../../migrations/0028_reports.ts"
import entriesChanged from "../../../migrations/0029_entries_changed.ts"
import scheduledPending from "../../../migrations/0030_scheduled_pending.ts"
import { messageOf } from "./SqlFailure.ts"

/** In code rather than read from a folder, so that it works wherever the package is installed. */
const steps = {
  "0001_conversations": conversations,
  "0002_conversation_members": conversationMembers,
  "0003_messages": messages,
  "0004_delivery_statuses": deliveryStatuses,
  "0005_pinned_messages": pinnedMessages,
  "0006_message_reactions": messageReactions,
  "0007_message_attachments": messageAttachments,
  "0008_conversation_settings": conversationSettings,
  "0009_scheduled_messages": scheduledMessages,
  "0010_append_messages": appendMessages,
  "0011_hidden_messages": hiddenMessages,
  "0012_change_messages": changeMessages,
  "0013_attachments": attachments,
  "0014_audit_log": auditLog,
  "0015_expiry": expiry,
  "0016_retention": retention,
  "0017_mentions": mentions,
  "0018_search": search,
  "0019_scheduled": scheduled,
  "0020_user_preferences": userPreferences,
  "0021_drafts": drafts,
  "0022_membership": membership,
  "0023_changed_at": changedAt,
  "0024_own_groups": ownGroups,
  "0025_delivery_times": deliveryTimes,
  "0026_last_seen": lastSeen,
  "0027_idempotency_keys": idempotencyKeys,
  "0028_reports": reports,
  "0029_entries_changed": entriesChanged,
  "0030_scheduled_pending": scheduledPending
}

/** A step may take as long as it takes, unlike a query of the service. */
const unhurried = (step: Effect.Effect<void, unknown, SqlClient>) =>
  Effect.andThen(
    Effect.flatMap(SqlClient, (sql) => sql`SET LOCAL statement_timeout = 0`),
    step
  )

/** A step could not be applied; the schema is as it was before. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** What went wrong, down to the database's own words. */
const reasonOf = (error: unknown): string => {
  if (isSqlError(error)) return messageOf(error)
  if (!(error instanceof Migrator.MigrationError)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}

/** Applies what is missing and answers the names of what it applied. */
export const migrate: Effect.Effect<ReadonlyArray<string>, MigrationFailed, SqlClient> = Migrator.make({})({
  loader: Migrator.fromRecord(Record.map(steps, unhurried)),
  table: "schema_migrations"
}).pipe(
  Effect.map((applied) => applied.map(([id, name]) => `${String(id).padStart(4, "0")}_${name}`)),
  Effect.mapError(
    (cause) => new MigrationFailed({ message: `Migrating the database failed: ${reasonOf(cause)}`, cause })
  )
)

/** The names of the steps that this database has not seen. */
export const pending: Effect.Effect<ReadonlyArray<string>, SqlError, SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient
  const tables = yield* sql`SELECT 1 FROM information_schema.tables WHERE table_name = 'schema_migrations'`
  if (tables.length === 0) return Object.keys(steps)
  const rows = yield* sql<{
    readonly last: number
  }>`SELECT coalesce(max(migration_id), 0) AS last FROM schema_migrations`
  const last = rows[0]?.last ?? 0
  return Object.keys(steps).filter((name) => Number(name.slice(0, 4)) > last)
})
