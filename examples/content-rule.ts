/**
 * A content rule of one's own: `node examples/content-rule.ts`. Here nobody shouts. It stands in the place of the service's
 * rules; what it does not like is refused by its name, on every edge alike, and counts against whoever keeps trying.
 */
import { Console, Effect, Layer, Redacted, Result } from "effect"
import * as Client from "../src/client/MessagingClient.ts"
import { ContentRejected } from "../src/domain/Errors.ts"
import { ContentPolicy } from "../src/domain/ports/ContentPolicy.ts"
import * as TestApp from "../src/testing/TestApp.ts"

const isShouted = (text: string): boolean =>
  text.length > 8 && text === text.toUpperCase() && /\p{Lu}/u.test(text)

const noShouting = Layer.succeed(
  ContentPolicy,
  ContentPolicy.of({
    judge: (_author, writing) =>
      isShouted(writing.content)
        ? Result.fail(new ContentRejected({ rule: "no_shouting" }))
        : Result.succeed(writing)
  })
)

const program = Effect.gen(function* () {
  const app = yield* TestApp.TestApp
  const { token } = yield* app.token()
  yield* Effect.gen(function* () {
    const client = yield* Client.MessagingClient
    const { conversation } = yield* client.createConversation({
      type: "group",
      member_ids: [crypto.randomUUID()]
    })
    const say = (content: string, client_random: number) =>
      client.sendMessage({ conversation_id: conversation.id, content, client_random }).pipe(
        Effect.map(({ seq }) => `message ${seq}`),
        Effect.catchTag("ContentRejected", ({ rule }) => Effect.succeed(`refused by ${rule}`)),
        Effect.flatMap((outcome) => Console.log(`${content} ${outcome}`))
      )
    yield* say("Good morning!", 1)
    yield* say("GOOD MORNING!", 2)
  }).pipe(Effect.provide(Client.layer({ url: app.url, token: Redacted.make(token) })))
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(TestApp.layer({ replace: [TestApp.replace(ContentPolicy, noShouting)] })),
    Effect.scoped
  )
)
