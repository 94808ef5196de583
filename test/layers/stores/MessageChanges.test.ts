import { Layer } from "effect"
import * as Databases from "../../contract/Databases.ts"
import { messageChangesContract } from "../../contract/MessageChanges.ts"

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet))

messageChangesContract("a Postgres server", over(Databases.server))
messageChangesContract("the embedded database", over(Databases.embedded))
