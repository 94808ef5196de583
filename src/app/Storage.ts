/** The database, and everything that is kept in it. */
import { Layer } from "effect"
import * as PgAuditLog from "../layers/audit/PgAuditLog.ts"
import * as Database from "../layers/database/Database.ts"
import * as Migrations from "../layers/database/Migrations.ts"
import * as PgConversationStore from "../layers/stores/PgConversationStore.ts"
import * as PgDraftStore from "../layers/stores/PgDraftStore.ts"
import * as PgIdempotencyStore from "../layers/stores/PgIdempotencyStore.ts"
import * as PgLastSeenStore from "../layers/stores/PgLastSeenStore.ts"
import * as PgMessageStore from "../layers/stores/PgMessageStore.ts"
import * as PgMessageWriter from "../layers/stores/PgMessageWriter.ts"
import * as PgReportStore from "../layers/stores/PgReportStore.ts"
import * as PgRetentionStore from "../layers/stores/PgRetentionStore.ts"
import * as PgScheduleStore from "../layers/stores/PgScheduleStore.ts"
import * as PgStatusStore from "../layers/stores/PgStatusStore.ts"
import * as PgSyncStore from "../layers/stores/PgSyncStore.ts"
import * as PgUserPreferences from "../layers/stores/PgUserPreferences.ts"
import * as PgWorkLeases from "../layers/stores/PgWorkLeases.ts"
import { configured } from "./Configured.ts"

export const database = configured((config) =>
  Database.layer({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    maxConnections: config.databaseConnections,
    timeout: config.databaseTimeout
  })
)

export const storage = configured((config) => {
  const limits = { capacity: config.writerQueue, maxBatch: config.writerBatch }
  return Layer.mergeAll(
    PgMessageWriter.layer(limits),
    PgMessageStore.layer({ maxPageBytes: config.maxPageBytes }),
    PgConversationStore.layer({ ...limits, maxTimed: config.maxTimedMembers }),
    PgAuditLog.layer({ capacity: config.auditQueue, timeout: config.databaseTimeout }),
    PgDraftStore.layer,
    PgLastSeenStore.layer,
    PgIdempotencyStore.layer({ lifetime: config.idempotencyLifetime, lease: config.idempotencyLease }),
    PgReportStore.layer,
    PgRetentionStore.layer,
    PgScheduleStore.layer,
    PgStatusStore.layer,
    PgSyncStore.layer,
    PgUserPreferences.layer,
    PgWorkLeases.layer({ duration: config.workLease })
  )
}).pipe(Layer.provideMerge(Layer.effectDiscard(Migrations.migrate)), Layer.provideMerge(database))
