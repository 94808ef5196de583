/** What we are compared with: the floor and Socket.IO. Neither authenticates or stores anything. */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { DialectName } from "../load/Plan.ts"
import { serverProcess } from "../support/serverProcess.ts"
import { type Contender, conversationOf } from "./Contender.ts"

const reference = (name: string, file: string, dialect: DialectName, path: string): Contender => ({
  name,
  home: Effect.succeed({ NODE_ENV: "production" }),
  launch: (home) =>
    Effect.map(serverProcess(file, home), (server) => ({
      ...server,
      provision: (layout) =>
        Effect.sync(() => {
          const topics = Array.from({ length: layout.conversations }, () => `conversation:${randomUUID()}`)
          const sockets = Array.from({ length: layout.sockets }, (_, socket) => {
            const conversation = conversationOf(socket, layout)
            const topic = topics[conversation]!
            return {
              path,
              conversation,
              topics: layout.userChannels ? [`user:${randomUUID()}`, topic] : [topic]
            }
          })
          return { address: server.address, dialect, sockets }
        })
    }))
})

export const floor = reference("floor", "bench/floor/server.ts", "phoenix", "/socket/websocket?vsn=2.0.0")

export const socketio = reference(
  "Socket.IO",
  "bench/socketio/server.ts",
  "socketio",
  "/socket.io/?EIO=4&transport=websocket"
)
