/** Socket.IO 5 over Engine.IO 4, websocket transport only: `42…` is an event, `43…` an acknowledgement. */
import type { Dialect, Incoming } from "./Dialect.ts"

const OPEN = "0".charCodeAt(0)
const PING = "2".charCodeAt(0)
const CONNECT = "0".charCodeAt(0)
const EVENT = "2".charCodeAt(0)
const ACK = "3".charCodeAt(0)

interface Answer {
  readonly status: string
  readonly seq?: number
}

const readAck = (text: string): Incoming => {
  const bracket = text.indexOf("[")
  const [answer] = JSON.parse(text.slice(bracket)) as [Answer]
  return {
    ref: Number(text.slice(2, bracket)),
    seq: answer.seq,
    reason: answer.status === "ok" ? undefined : answer.status
  }
}

const read = (buffer: Buffer, start: number, end: number): Incoming => {
  const engine = buffer[start]
  if (engine === PING) return "ping"
  if (engine === OPEN) return "other"
  const packet = buffer[start + 1]
  if (packet === EVENT) return "delivery"
  if (packet === ACK) return readAck(buffer.toString("utf8", start, end))
  return packet === CONNECT ? "ready" : "other"
}

export const socketio: Dialect = {
  hello: "40",
  pong: "3",
  join: (topic, ref) => `42${ref}["join","${topic}"]`,
  send: (topic, _joinRef, ref, content) =>
    `42${ref}["send_message",{"topic":"${topic}","content":"${content}","client_random":${ref}}]`,
  read
}
