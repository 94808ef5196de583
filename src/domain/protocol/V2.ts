/** Version 2 frames: text is `[join_ref, ref, topic, event, payload]`; for binary ones see `BinaryPush.ts`. */
import { decodeBinaryPush } from "./BinaryPush.ts"
import { type Frame, isRef, type Serializer } from "./Frame.ts"

const decode = (text: string): Frame | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(value) || value.length < 5) return undefined
  const [joinRef, ref, topic, event, payload] = value as ReadonlyArray<unknown>
  if (!isRef(joinRef) || !isRef(ref) || typeof topic !== "string" || typeof event !== "string")
    return undefined
  return { joinRef, ref, topic, event, payload }
}

const quote = JSON.stringify

export const v2: Serializer = {
  vsn: "2.0.0",
  decode,
  decodeBinary: decodeBinaryPush,
  reply: (joinRef, ref, topic, status, response) =>
    `[${quote(joinRef)},${quote(ref)},${quote(topic)},"phx_reply",{"status":"${status}","response":${response}}]`,
  push: (joinRef, ref, topic, event, payload) =>
    `[${quote(joinRef)},${quote(ref)},${quote(topic)},${quote(event)},${payload}]`,
  broadcast: (topic, event, payload) => `[null,null,${quote(topic)},${quote(event)},${payload}]`
}
