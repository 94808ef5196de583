/** What a POST carries: frames, one a line (`application/x-ndjson`), or the whole body as one text frame. */
import type { IncomingMessage } from "node:http"
import { Effect } from "effect"
import type { Frame, Serializer } from "../../domain/protocol/Frame.ts"

const NDJSON = "application/x-ndjson"

/** Text frames are JSON arrays (V2) or objects (V1); anything else is a binary push in base64. */
const isText = (line: string): boolean => line.startsWith("[") || line.startsWith("{")

/** The whole alphabet and its padding, nothing else: `Buffer` would skip over what it does not know. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const decodeLine = (line: string, serializer: Serializer): Frame | undefined => {
  if (isText(line)) return serializer.decode(line)
  return base64.test(line) ? serializer.decodeBinary(Buffer.from(line, "base64")) : undefined
}

/**
 * The frames in their order, decoded as they are taken; `undefined` stands for one that is none. Phoenix ignores
 * what comes after a hundred; clients before 1.8 do not split their batches there, and lose the rest. We take all.
 */
export function* decodeBody(
  body: string,
  contentType: string | undefined,
  serializer: Serializer
): Generator<Frame | undefined> {
  if (contentType?.split(";", 1)[0]?.trim() !== NDJSON) return yield serializer.decode(body)
  for (const line of body.split(/\r?\n/)) {
    if (line !== "") yield decodeLine(line, serializer)
  }
}

/**
 * The body as text, or `too_large` when it has more bytes than `limit`; memory holds no more than that. Interrupts when
 * the client goes away before it is whole: there is nobody to answer then.
 */
export const readBody = (
  request: IncomingMessage,
  limit: number
): Effect.Effect<{ readonly text: string } | "too_large"> =>
  Effect.callback((resume) => {
    let chunks: Array<Buffer> = []
    let size = 0
    request.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) chunks = []
      else chunks.push(chunk)
    })
    request.on("end", () => {
      resume(Effect.succeed(size > limit ? "too_large" : { text: Buffer.concat(chunks, size).toString() }))
    })
    request.on("close", () => resume(Effect.interrupt))
  })
