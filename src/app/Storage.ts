/** The database, and everything that is kept in it. */
import { Layer } from "effect"
import * as Database from "../layers/Database.ts"
import * as Migrations from "../layers/Migrations.ts"
import * as PgAuditLog from "../layers/PgAuditLog.ts"
import * as PgConversationStore from "../layers/PgConversationStore.ts"
import * as PgDraftStore from "../layers/PgDraftStore.ts"
import * as PgIdempotencyStore from "../layers/PgIdempotencyStore.ts"
import * as PgLastSeenStore from "../layers/PgLastSeenStore.ts"
import * as PgMessageStore from "../layers/PgMessageStore.ts"
import * as PgMessageWriter from "../layers/PgMessageWriter.ts"
import * as PgReportStore from "../layers/PgReportStore.ts"
import * as PgRetentionStore from "../layers/PgRetentionStore.ts"
import * as PgScheduleStore from "../layers/PgScheduleStore.ts"
import * as PgStatusStore from "../layers/PgStatusStore.ts"
import * as PgSyncStore from "../layers/PgSyncStore.ts"
import * as PgUserPreferences from "../layers/PgUserPreferences.ts"
import * as PgWorkLeases from "../layers/PgWorkLeases.ts"
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
