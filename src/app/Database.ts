/** The database that the configuration asks for. */
import * as Database from "../layers/database/Database.ts"
import { configured } from "./Configured.ts"

export const database = configured((config) =>
  Database.layer({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    maxConnections: config.databaseConnections,
    timeout: config.databaseTimeout
  })
)
