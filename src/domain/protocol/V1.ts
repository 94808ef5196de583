/** Version 1 text frames: `{topic, event, payload, ref}`; inbound may carry a `join_ref`, outbound never does. */
import { type Frame, isRef, type Ref, type Serializer } from "./Frame.ts"

const decode = (text: string): Frame | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  const frame = value as { readonly [key: string]: unknown }
  if (!("ref" in frame) || !("payload" in frame)) return undefined
  const { topic, event, payload, ref, join_ref: joinRef = null } = frame
  if (typeof topic !== "string" || typeof event !== "string" || !isRef(ref) || !isRef(joinRef))
    return undefined
  return { joinRef, ref, topic, event, payload }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Version 1 has no binary frames; Phoenix reads a binary message as the text it holds. */
const decodeBinary = (bytes: Uint8Array): Frame | undefined => {
  try {
    return decode(utf8.decode(bytes))
  } catch {
    return undefined
  }
}

const quote = JSON.stringify

const object = (topic: string, event: string, payload: string, ref: Ref): string =>
  `{"topic":${quote(topic)},"event":${quote(event)},"payload":${payload},"ref":${quote(ref)}}`

export const v1: Serializer = {
  vsn: "1.0.0",
  decode,
  decodeBinary,
  reply: (_joinRef, ref, topic, status, response) =>
    object(topic, "phx_reply", `{"status":"${status}","response":${response}}`, ref),
  push: (_joinRef, ref, topic, event, payload) => object(topic, event, payload, ref),
  broadcast: (topic, event, payload) => object(topic, event, payload, null)
}
