/**
 * A Broker of one's own: `node examples/custom-broker.ts`. This one carries publications within the process, as the
 * service's own does for a single node, and shows each to an observer: a place to feed a search index, a webhook or a
 * dashboard from, without asking the database.
 *
 * A Broker may lose publications, never invent or reorder them: the service finds by `seq` what is missing.
 */
import { Console, Effect, Layer } from "effect"
import { Broker, type Publication } from "../src/domain/ports/Broker.ts"
import * as TestApp from "../src/testing/TestApp.ts"

const observed = (observe: (publication: Publication) => void) =>
  Layer.sync(Broker, () => {
    const topics = new Set<string>()
    let receive: (publication: Publication) => void = () => {}
    return Broker.of({
      publish: (publication) => {
        observe(publication)
        if (topics.has(publication.topic)) receive(publication)
      },
      subscribe: (topic) => void topics.add(topic),
      unsubscribe: (topic) => void topics.delete(topic),
      heard: (asked) => Effect.sync(() => new Set(asked.filter((topic) => topics.has(topic)))),
      onPublication: (handler) => {
        receive = handler
      },
      onGap: () => {}
    })
  })

const broker = observed(({ event, seq, topic }) => {
  if (seq !== null) console.log(`${topic.split(":")[0]} event ${seq}: ${event}`)
})

const program = Effect.gen(function* () {
  const app = yield* TestApp.TestApp
  const { token } = yield* app.token()
  const post = (path: string, body: object) =>
    Effect.promise(async () => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
      const response = await fetch(app.url + path, { method: "POST", headers, body: JSON.stringify(body) })
      return (await response.json()) as { readonly id: string }
    })
  const { id } = yield* post("/api/v1/conversations", { type: "group", member_ids: [crypto.randomUUID()] })
  const messages = `/api/v1/conversations/${id}/messages`
  const sent = yield* post(messages, { content: "Hello", client_random: 1 })
  yield* post(`${messages}/${sent.id}/reactions`, { reaction: "👋" })
  yield* Console.log("done")
})

await Effect.runPromise(
  program.pipe(Effect.provide(TestApp.layer({ replace: [TestApp.replace(Broker, broker)] })))
)
