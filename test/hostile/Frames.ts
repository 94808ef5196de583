/** Frames on sockets: wrong JSON, wrong shapes, wrong types, binary, and bytes that are no WebSocket frames at all. */
import type { Socket } from "node:net"
import { WebSocket } from "ws"
import type { Chance } from "../support/Chance.ts"
import * as Malformed from "./Malformed.ts"
import { type Attack, count, inspect, type Target, type Toll } from "./Target.ts"

/** Of one connection at the most: the last one ends it, and nothing is read after that. */
const FRAMES = 20
const CONNECTIONS = 8
/** Of a heartbeat whose reply says that all before it was read. */
const END = '"end","phoenix"'
/** Where half a frame of ours has swallowed it, there is none. */
const HURRY_MS = 3_000
/** A server that waits for the rest of half a frame reads our close frame as a part of it. Newer than the types of `ws`. */
const impatient: object = { closeTimeout: 1_000 }
/** A connection that is still there after this long should not be. */
const PATIENCE_MS = 60_000

const events = [
  "phx_join",
  "phx_leave",
  "heartbeat",
  "send_message",
  "edit_message",
  "delete_message",
  "add_reaction",
  "pin_message",
  "mark_as_read",
  "history",
  "typing_start",
  "update_presence",
  "ack",
  "refresh_token",
  "watch_presence",
  "mark_all_read",
  "constructor",
  "__proto__"
]

const payloadOf = (by: Chance, { foreignMessage, foreignUser, own, ownMessage }: Target): unknown => {
  const id = by.pick([ownMessage, foreignMessage])
  return Malformed.spoiled(by, {
    content: "hello",
    client_random: by.int(1_000_000),
    message_id: id,
    reply_to_id: id,
    reaction: ":x:",
    scope: "everyone",
    seq: by.int(10),
    limit: 10,
    last_seq: 0,
    user_ids: [foreignUser],
    conversation_ids: [own],
    metadata: {},
    status: "away"
  })
}

const topics = ({ foreign, foreignUser, own }: Target) => [
  `conversation:${own}`,
  `conversation:${own}`,
  `conversation:${foreign}`,
  `user:${foreignUser}`,
  "phoenix",
  "conversation:",
  "conversation:__proto__"
]

const pushOf = (by: Chance, target: Target) => [
  by.pick<unknown>(["1", "1", null, 7]),
  String(by.int(1000)),
  by.pick(topics(target)),
  by.pick(events),
  payloadOf(by, target)
]

const binaryOf = (by: Chance, target: Target): Buffer => {
  const name = Buffer.from(by.pick(topics(target)))
  const head = Buffer.from([0, 1, 1, name.length, 1, 0x31, 0x32])
  return Buffer.concat([head, name, Buffer.from("e"), by.bytes(by.int(40))])
}

/** A frame that is one, whatever is wrong with what it says: the socket stays open. */
const oddFrame = (by: Chance, target: Target): string | Uint8Array =>
  by.is(0.1) ? binaryOf(by, target) : JSON.stringify(pushOf(by, target))

/** What is no frame, as far as chance has it: it ends the socket. */
const brokenFrame = (by: Chance, target: Target): string | Uint8Array =>
  by.is(0.5) ? Malformed.text(by, pushOf(by, target)) : Malformed.bytes(by, binaryOf(by, target))

/** One connection's worth. */
const attackOnce = (target: Target, by: Chance, times: number, toll: Toll): Promise<void> =>
  new Promise((resolve) => {
    const url = `${target.app.wsUrl}/websocket?vsn=2.0.0&token=${target.token}`
    const ws = new WebSocket(url, impatient)
    const giveUp = setTimeout(() => {
      toll.wrong.push("a socket was neither answered nor closed")
      ws.terminate()
    }, PATIENCE_MS)
    let hurry: NodeJS.Timeout | undefined
    ws.on("error", () => {})
    ws.on("message", (data) => {
      const text = String(data)
      inspect(toll, "a socket", text)
      if (text.includes(END)) ws.close(1000)
    })
    ws.on("unexpected-response", (_, response) => {
      toll.wrong.push(`a good token was refused at the upgrade with ${response.statusCode}`)
      ws.terminate()
    })
    ws.on("close", (code) => {
      clearTimeout(giveUp)
      clearTimeout(hurry)
      count(toll, `close ${code}`)
      resolve()
    })
    ws.on("open", () => {
      ws.send(JSON.stringify(["1", "1", `conversation:${target.own}`, "phx_join", {}]))
      for (let i = 1; i < times; i++) ws.send(oddFrame(by, target))
      // Or bytes that no client of WebSockets would write: reserved bits, no mask, lengths that do not come.
      if (by.is(0.2)) (ws as unknown as { readonly _socket: Socket })._socket.write(by.bytes(1 + by.int(100)))
      else ws.send(brokenFrame(by, target))
      ws.send(`[null,${END},"heartbeat",{}]`)
      hurry = setTimeout(() => ws.close(1000), HURRY_MS)
    })
  })

export const attack: Attack = async (target, by, times, toll) => {
  let left = times
  const lane = async () => {
    while (left > 0) {
      const share = Math.min(left, 1 + by.int(FRAMES))
      left -= share
      await attackOnce(target, by, share, toll)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
}
