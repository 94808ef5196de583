/**
 * The service inside a program of one's own: `PORT=4000 node examples/embedded.ts`. The program is configured by its
 * environment like the service alone, and uses its application service beside the edges: what it does reaches
 * everybody's sockets as if a client had done it.
 *
 * Here it greets whoever asks at a port of its own.
 */
import { createServer } from "node:http"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Option, Redacted, Schema } from "effect"
import * as App from "../src/App.ts"
import { Conversations } from "../src/actors/conversation/Conversations.ts"
import { UserId } from "../src/domain/Ids.ts"
import { TokenVerifier } from "../src/domain/ports/TokenVerifier.ts"

/** Whoever may reach this port may ask for anything: what is no user's id is nobody's. */
const asked = Schema.decodeUnknownOption(UserId)

const greeter = Effect.gen(function* () {
  const conversations = yield* Conversations
  const { verify } = yield* TokenVerifier
  const { token } = yield* App.devToken({})
  const greeter = yield* verify(Redacted.make(token))

  const greet = Effect.fn("greet")(function* (guest: UserId) {
    const { conversation } = yield* conversations.create(greeter, { type: "direct", member_ids: [guest] })
    const caller = { identity: greeter, sessionId: null }
    return yield* conversations.send(caller, conversation.id, { content: "Welcome!", client_random: 1 })
  })

  const answer = Effect.runForkWith(yield* Effect.context<never>())
  const server = createServer((request, response) => {
    const guest = asked(new URLSearchParams(request.url?.split("?")[1]).get("user"))
    if (Option.isNone(guest)) return response.writeHead(400).end("Whom? /?user=<a user's id>\n")
    answer(
      Effect.match(greet(guest.value), {
        onSuccess: ({ seq }) => response.end(`greeted with message ${seq}\n`),
        onFailure: ({ _tag }) => response.writeHead(503).end(`${_tag}\n`)
      })
    )
  })
  yield* Effect.callback<void>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })
  const address = server.address()
  yield* Console.log(
    `greeting at http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/?user=…`
  )
  // Ends when the service does.
  yield* Effect.flatMap(App.Running, ({ gaveUp }) => gaveUp)
})

NodeRuntime.runMain(Effect.scoped(Effect.provide(greeter, App.layer)))
