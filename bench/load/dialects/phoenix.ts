/** Phoenix Channels V2 in text frames: ours, and the floor's, which speaks the same wire. */
import type { Dialect, Incoming } from "./Dialect.ts"

const BROADCAST_START = `[null,null,"`
/** `conversation:` and a UUID. */
const TOPIC_LENGTH = 13 + 36
/** Where the event begins in a broadcast on a conversation: after the topic and `","`. */
const EVENT_AT = BROADCAST_START.length + TOPIC_LENGTH + 3

const N = "n".charCodeAt(0)

const NEW_MESSAGE = Buffer.from("new_message")

/** Whether this is a broadcast of `event` on a conversation, told by the bytes where the event stands. */
export const isBroadcast = (event: Buffer, buffer: Buffer, start: number, end: number): boolean => {
  const at = start + EVENT_AT
  if (buffer[start + 1] !== N || at + event.length > end) return false
  for (let i = 0; i < event.length; i++) if (buffer[at + i] !== event[i]) return false
  return true
}

/** A reply's event name stands within its first bytes: refs are short. */
const REPLY_WITHIN = 160

interface ReplyPayload {
  readonly status: string
  readonly response: { readonly seq?: number; readonly reason?: string }
}

const read = (buffer: Buffer, start: number, end: number): Incoming => {
  if (isBroadcast(NEW_MESSAGE, buffer, start, end)) return "delivery"
  if (buffer[start + 1] === N) return "other"
  if (!buffer.toString("latin1", start, Math.min(end, start + REPLY_WITHIN)).includes(`"phx_reply"`))
    return "other"
  const [, ref, , , payload] = JSON.parse(buffer.toString("utf8", start, end)) as [
    string,
    string,
    string,
    string,
    ReplyPayload
  ]
  return {
    ref: Number(ref),
    seq: payload.response.seq,
    reason: payload.status === "ok" ? undefined : (payload.response.reason ?? payload.status)
  }
}

export const phoenix: Dialect = {
  hello: undefined,
  pong: "",
  join: (topic, ref) => `["${ref}","${ref}","${topic}","phx_join",{}]`,
  send: (topic, joinRef, ref, content) =>
    `["${joinRef}","${ref}","${topic}","send_message",{"content":"${content}","client_random":${ref}}]`,
  read
}
