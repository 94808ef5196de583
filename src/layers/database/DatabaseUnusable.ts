/** The one way starting the storage fails for reasons an operator can mend. */
import { Schema } from "effect"

/** `message` says what is wrong and names the environment variable; it holds no secret. */
export class DatabaseUnusable extends Schema.TaggedError<DatabaseUnusable>()("DatabaseUnusable", {
  message: Schema.String
}) {}
