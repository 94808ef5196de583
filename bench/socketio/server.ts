/**
 * Socket.IO as its documentation would have a chat written: a room per conversation, `io.to(room).emit`, an
 * acknowledgement to the sender; websocket transport only, everything else as it comes.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Server } from "socket.io"
import { message } from "../support/message.ts"

interface Send {
  readonly topic: string
  readonly content: string
  readonly client_random: number
}

type Answer = (answer: object) => void

const sequences = new Map<string, number>()

const server = createServer()
const io = new Server(server, { transports: ["websocket"] })

io.on("connection", (socket) => {
  socket.on("join", (topic: string, answer: Answer) => {
    void socket.join(topic)
    answer({ status: "ok" })
  })
  socket.on("send_message", ({ topic, content, client_random }: Send, answer: Answer) => {
    const seq = (sequences.get(topic) ?? 0) + 1
    sequences.set(topic, seq)
    const sent = message(topic, seq, content, client_random)
    io.to(topic).emit("new_message", sent)
    answer({ status: "ok", message_id: sent.id, seq, sent_at: sent.sent_at, duplicate: false })
  })
})

server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`listening url=http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
