/**
 * A bot: `node examples/bot.ts [http://localhost:4000]`. It answers whoever writes to it, in every conversation it is
 * in and comes into, with the official Phoenix client and nothing else.
 *
 * It learns of its conversations from its user channel, and joins each with the number of the last message it has seen:
 * what arrived while it was away, it answers when it is back. That it has answered a message already is told by the
 * `client_random` it makes from the message's number: the same answer twice is one message.
 */
import { type Channel, Socket } from "phoenix"

interface Message {
  readonly seq: number
  readonly sender_id: string
  readonly content: string | null
}

const url = process.argv[2] ?? "http://localhost:4000"

const issued = await fetch(`${url}/dev/token`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: "{}"
})
const { token, user_id: me } = (await issued.json()) as { readonly token: string; readonly user_id: string }

const socket = new Socket(`${url.replace(/^http/, "ws")}/socket`, { params: { token } })
socket.connect()

const joined = new Map<string, Channel>()

const follow = (id: string): void => {
  if (joined.has(id)) return
  let last = 0
  const channel = socket.channel(`conversation:${id}`, () => ({ last_seq: last }))
  joined.set(id, channel)
  const answer = ({ content, sender_id, seq }: Message): void => {
    last = Math.max(last, seq)
    if (sender_id === me || content === null) return
    channel.push("send_message", { content: `You said: ${content}`, client_random: seq })
    channel.push("mark_as_read", { seq })
  }
  channel.on("new_message", (message) => {
    // After a join that was given up on, what it would have brought is missing; the next one brings it all.
    if (channel.state === "joined") answer(message as Message)
  })
  channel.join().receive("ok", (reply) => {
    for (const message of (reply as { readonly messages: ReadonlyArray<Message> }).messages) answer(message)
  })
}

const own = socket.channel(`user:${me}`, {})
own.on("conversation_created", (conversation) => follow((conversation as { readonly id: string }).id))
own.on("member_added", (event) => follow((event as { readonly conversation_id: string }).conversation_id))
own.on("new_message", (message) => follow((message as { readonly conversation_id: string }).conversation_id))
own.join().receive("ok", () => console.log(`write to me: ${me}`))
