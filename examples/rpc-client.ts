/** Typed RPC: `node examples/rpc-client.ts [http://localhost:4000]`. Every operation, answer and error has its type. */
import { Console, Effect, Redacted, Stream } from "effect"
import * as Client from "../src/client/MessagingClient.ts"

const url = process.argv[2] ?? "http://localhost:4000"
const issued = await fetch(`${url}/dev/token`, { method: "POST" })
const { token } = (await issued.json()) as { readonly token: string }

const program = Effect.gen(function* () {
  const client = yield* Client.MessagingClient
  const { conversation } = yield* client.createConversation({
    type: "group",
    member_ids: [crypto.randomUUID()]
  })
  const one = { conversation_id: conversation.id }
  for (const n of [1, 2, 3]) yield* client.sendMessage({ ...one, content: `message ${n}`, client_random: n })
  const { unread_count } = (yield* client.listConversations({ limit: 1 })).items[0]!
  yield* Console.log(`${unread_count} unread`)
  const events = client.follow(conversation.id, { last_seq: 0 })
  const messages = Stream.flatMap(events, (it) =>
    Stream.fromIterable(it.event === "snapshot" ? it.payload.messages : [])
  )
  yield* Stream.runForEach(Stream.take(messages, 3), ({ content, seq }) => Console.log(`${seq}: ${content}`))
  const refused = yield* Effect.flip(client.showConversation({ conversation_id: crypto.randomUUID() }))
  yield* Console.log(`refused: ${refused._tag}`)
})

Effect.runPromise(Effect.provide(program, Client.layer({ url, token: Redacted.make(token) })))
