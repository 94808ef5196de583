/** Admission by size alone: content of at most so many UTF-8 bytes. */
import { Effect, Layer } from "effect"
import { MessageTooLarge } from "../domain/Errors.ts"
import { Admission } from "../domain/ports/Admission.ts"

export const layer = (options: { readonly maxMessageBytes: number }) =>
  Layer.succeed(
    Admission,
    Admission.of({
      message: (_sender, _conversationId, message) =>
        // A string of n characters has n to 3n bytes: most are judged without counting.
        message.content.length * 3 > options.maxMessageBytes &&
        Buffer.byteLength(message.content) > options.maxMessageBytes
          ? Effect.fail(new MessageTooLarge({ limit: options.maxMessageBytes }))
          : Effect.succeed(message)
    })
  )
