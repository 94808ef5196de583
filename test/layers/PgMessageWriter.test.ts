import { Layer } from "effect"
import * as Databases from "../contract/Databases.ts"
import { messageWriterContract } from "../contract/MessageWriter.ts"

const over = <A, E, R>(database: Layer.Layer<A, E, R>) =>
  Databases.storage.pipe(Layer.provideMerge(database), Layer.provide(Databases.quiet))

messageWriterContract("a Postgres server", over(Databases.server))
messageWriterContract("the embedded database", over(Databases.embedded))
