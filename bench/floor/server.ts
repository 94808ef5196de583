/**
 * The floor: the least a Node process can do for the wire contract. A bare `ws` server; each message becomes
 * JSON once and one finished frame once, and that one Buffer is written straight to every member's raw socket.
 * No authentication, no storage, no limits, no coalescing. It speaks just enough Phoenix V2 (join, send_message)
 * to get the same bytes through the same load generator.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { message } from "../support/message.ts"

type Incoming = [
  joinRef: string,
  ref: string,
  topic: string,
  event: string,
  payload: { content: string; client_random: number }
]

interface Room {
  seq: number
  readonly members: Set<Duplex>
}

const rooms = new Map<string, Room>()

const roomOf = (topic: string): Room => {
  const known = rooms.get(topic)
  if (known !== undefined) return known
  const room: Room = { seq: 0, members: new Set() }
  rooms.set(topic, room)
  return room
}

/** A final, unmasked text frame; the bench's messages are below 64 KiB. */
const frameOf = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const header = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4)
  header[0] = 0x81
  header[1] = Math.min(payload.length, 126)
  if (header.length === 4) header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, payload])
}

const reply = (joinRef: string, ref: string, topic: string, response: object): Buffer =>
  frameOf(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response }]))

const onFrame = (socket: Duplex, [joinRef, ref, topic, event, payload]: Incoming): void => {
  const room = roomOf(topic)
  if (event === "phx_join") {
    room.members.add(socket)
    socket.on("close", () => room.members.delete(socket))
    socket.write(reply(joinRef, ref, topic, {}))
  } else if (event === "send_message") {
    const sent = message(topic, ++room.seq, payload.content, payload.client_random)
    const frame = frameOf(JSON.stringify([null, null, topic, "new_message", sent]))
    for (const member of room.members) member.write(frame)
    socket.write(
      reply(joinRef, ref, topic, {
        message_id: sent.id,
        seq: sent.seq,
        sent_at: sent.sent_at,
        duplicate: false
      })
    )
  }
}

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const server = createServer()
server.on("upgrade", (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on("message", (data) => onFrame(socket, JSON.parse(data.toString()) as Incoming))
    webSocket.on("error", () => socket.destroy())
  })
})
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`listening url=http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
