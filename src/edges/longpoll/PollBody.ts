/** What a POST carries: frames, one a line (`application/x-ndjson`), or the whole body as one text frame. */
import type { IncomingMessage } from "node:http"
import type { Frame, Serializer } from "../../domain/protocol/Frame.ts"

/** Lines of one batch; clients split theirs at this number, and what comes after it is ignored. */
const MAX_FRAMES = 100

const NDJSON = "application/x-ndjson"

/** Text frames are JSON arrays (V2) or objects (V1); anything else is a binary push in base64. */
const isText = (line: string): boolean => line.startsWith("[") || line.startsWith("{")

/** The whole alphabet and its padding, nothing else: `Buffer` would skip over what it does not know. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const decodeLine = (line: string, serializer: Serializer): Frame | undefined => {
  if (isText(line)) return serializer.decode(line)
  return base64.test(line) ? serializer.decodeBinary(Buffer.from(line, "base64")) : undefined
}

/** The frames in their order; `undefined` stands for the first one that is none, and nothing follows it. */
export const decodeBody = (
  body: string,
  contentType: string | undefined,
  serializer: Serializer
): ReadonlyArray<Frame | undefined> => {
  if (contentType?.split(";", 1)[0]?.trim() !== NDJSON) return [serializer.decode(body)]
  const frames: Array<Frame | undefined> = []
  for (const line of body.split(/\r?\n/)) {
    if (line === "") continue
    const frame = decodeLine(line, serializer)
    frames.push(frame)
    if (frame === undefined || frames.length === MAX_FRAMES) break
  }
  return frames
}

/**
 * Calls back once: with the text, with `too_large` when it has more bytes than `limit`, or with `gone` when the
 * client went away before it was whole. Memory holds no more than `limit`.
 */
export const readBody = (
  request: IncomingMessage,
  limit: number,
  done: (body: { readonly text: string } | "too_large" | "gone") => void
): void => {
  let chunks: Array<Buffer> = []
  let size = 0
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size > limit) chunks = []
    else chunks.push(chunk)
  })
  request.on("close", () => {
    if (!request.complete) done("gone")
    else done(size > limit ? "too_large" : { text: Buffer.concat(chunks, size).toString() })
  })
}
