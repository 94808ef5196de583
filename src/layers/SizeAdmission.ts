/** Admission by size alone: content and metadata of at most so many UTF-8 bytes. */
import { Effect, Layer } from "effect"
import { MessageTooLarge } from "../domain/Errors.ts"
import { Admission } from "../domain/ports/Admission.ts"

/** A string of n characters has n to 3n bytes: most are judged without counting. */
const exceeds = (text: string, bytes: number): boolean =>
  text.length * 3 > bytes && Buffer.byteLength(text) > bytes

/** Metadata is small by nature: what is large belongs into the content, or behind a media id. */
const MAX_METADATA_BYTES = 64 * 1024

export const layer = (options: { readonly maxMessageBytes: number }) =>
  Layer.succeed(
    Admission,
    Admission.of({
      message: (_sender, _conversationId, message) => {
        if (exceeds(message.content, options.maxMessageBytes)) {
          return Effect.fail(new MessageTooLarge({ limit: options.maxMessageBytes }))
        }
        if (message.metadata !== undefined && exceeds(JSON.stringify(message.metadata), MAX_METADATA_BYTES)) {
          return Effect.fail(new MessageTooLarge({ limit: MAX_METADATA_BYTES }))
        }
        return Effect.succeed(message)
      }
    })
  )
