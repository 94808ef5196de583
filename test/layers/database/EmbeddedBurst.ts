/**
 * A program that sends messages into the embedded database of a directory as fast as they are acknowledged, until it
 * is killed. It prints the conversation, and then the number of every acknowledged message.
 *
 * Arguments: the directory, and a conversation of an earlier run to go on with.
 */
import { Effect, Layer, Result } from "effect"
import { ConversationId } from "../../../src/domain/Ids.ts"
import { MessageWriter } from "../../../src/domain/ports/MessageWriter.ts"
import * as Databases from "../../contract/Databases.ts"
import { message, newConversation } from "../../contract/Fixtures.ts"

const [dataDir = "", known = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const conversationId = known === "" ? yield* newConversation : ConversationId.make(known)
  const writer = yield* MessageWriter
  process.stdout.write(`conversation ${conversationId}\n`)
  // Random numbers, since an earlier run has used the small ones.
  const send = () =>
    writer.append(
      message({ conversationId, clientRandom: Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) }),
      (result) => {
        if (Result.isSuccess(result)) process.stdout.write(`${result.success.seq}\n`)
        send()
      }
    )
  for (let i = 0; i < 50; i++) send()
  return yield* Effect.never
})

Effect.runPromise(
  program.pipe(
    Effect.provide(Databases.storage.pipe(Layer.provideMerge(Databases.over(dataDir)))),
    Effect.provide(Databases.quiet)
  )
).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
