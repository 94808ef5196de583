/**
 * The one binary frame a client may send (V2, WebSocket and long-poll): a push whose payload is raw bytes.
 * `00`, then the lengths of join_ref, ref, topic and event, one byte each, then those four and the payload.
 */
import type { Frame } from "./Frame.ts"

const PUSH = 0
const HEADER_BYTES = 5

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** `undefined` when the bytes are no push: another kind, cut short, or names that are not UTF-8. */
export const decodeBinaryPush = (bytes: Uint8Array): Frame | undefined => {
  if (bytes.length < HEADER_BYTES || bytes[0] !== PUSH) return undefined
  const joinRefAt = HEADER_BYTES
  const refAt = joinRefAt + bytes[1]!
  const topicAt = refAt + bytes[2]!
  const eventAt = topicAt + bytes[3]!
  const payloadAt = eventAt + bytes[4]!
  if (payloadAt > bytes.length) return undefined
  try {
    return {
      // Clients write a join_ref of null as one of no length.
      joinRef: refAt === joinRefAt ? null : utf8.decode(bytes.subarray(joinRefAt, refAt)),
      ref: utf8.decode(bytes.subarray(refAt, topicAt)),
      topic: utf8.decode(bytes.subarray(topicAt, eventAt)),
      event: utf8.decode(bytes.subarray(eventAt, payloadAt)),
      payload: bytes.subarray(payloadAt)
    }
  } catch {
    return undefined
  }
}
