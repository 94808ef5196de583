/** The service inside a test, as engineers who build on it use it. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Conversations } from "../../src/actors/conversation/Conversations.ts"
import { ContentRejected, TokenRejected } from "../../src/domain/Errors.ts"
import { DeviceId, UserId } from "../../src/domain/Ids.ts"
import { Admission } from "../../src/domain/ports/Admission.ts"
import { TokenRevocations } from "../../src/domain/ports/TokenRevocations.ts"
import { TokenVerifier } from "../../src/domain/ports/TokenVerifier.ts"
import * as TestApp from "../../src/testing/TestApp.ts"
import * as NoLimits from "../support/NoLimits.ts"
import * as NoRevocations from "../support/NoRevocations.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"
import { RestClient } from "../support/RestClient.ts"

interface Message {
  readonly seq: number
  readonly content: string
}

layer(TestApp.layer(), { excludeTestServices: true, timeout: "60 seconds" })("A TestApp", (it) => {
  it.effect("takes real clients", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const [alice, bob] = [yield* app.token(), yield* app.token({ trust_level: "premium" })]
      const rest = new RestClient(app.url, alice.token)
      const { id } = yield* rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
        type: "direct",
        member_ids: [bob.user_id]
      })
      const client = yield* PhoenixClient.connect({ url: app.wsUrl, params: { token: bob.token } })
      const channel = yield* client.join(`conversation:${id}`)
      yield* rest.ok("POST", `/api/v1/conversations/${id}/messages`, { content: "hello", client_random: 1 })
      const { content, seq } = yield* channel.next<Message>("new_message")
      assert.deepStrictEqual([content, seq], ["hello", 1])
    })
  )

  it.effect("gives its services to the test", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const { token } = yield* app.token()
      const identity = yield* Effect.flatMap(TokenVerifier, ({ verify }) => verify(Redacted.make(token)))
      const { conversation } = yield* Effect.flatMap(Conversations, ({ create }) =>
        create(identity, { type: "group", member_ids: [UserId.make(crypto.randomUUID())] })
      )
      const shown = yield* new RestClient(app.url, token).ok<{ readonly id: string }>(
        "GET",
        `/api/v1/conversations/${conversation.id}`
      )
      assert.strictEqual(shown.id, conversation.id)
    })
  )
})

layer(TestApp.layer(), { timeout: "60 seconds" })("A TestApp in a test that has a clock of its own", (it) => {
  it.effect("has tokens that are good now", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const { token } = yield* app.token()
      yield* new RestClient(app.url, token).ok("GET", "/api/v1/conversations")
    })
  )
})

/** Lets nobody shout. */
const quiet = Layer.succeed(
  Admission,
  Admission.of({
    ...NoLimits.admission,
    message: (_sender, _id, message) =>
      message.content === message.content.toUpperCase()
        ? Effect.fail(new ContentRejected({ rule: "shouting" }))
        : Effect.succeed(message)
  })
)

const ali = UserId.make(crypto.randomUUID())

/** Knows one word, and whose it is. */
const sesame = Layer.succeed(
  TokenVerifier,
  TokenVerifier.of({
    verify: (token) =>
      Redacted.value(token) === "sesame"
        ? Effect.succeed({
            userId: ali,
            deviceId: DeviceId.make("cave"),
            trust: "normal",
            scopes: [],
            tokenId: "sesame",
            issuedAt: Date.now(),
            expiresAt: Date.now() + 60_000
          })
        : Effect.fail(new TokenRejected({ reason: "signature" }))
  })
)

describe("A TestApp with a port replaced", () => {
  it.live("asks the other implementation", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const rest = new RestClient(app.url, (yield* app.token()).token)
      const { id } = yield* rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
        type: "group",
        member_ids: [crypto.randomUUID()]
      })
      const send = (content: string) =>
        rest.request<{ readonly reason?: string }>("POST", `/api/v1/conversations/${id}/messages`, {
          content,
          client_random: content.length
        })
      const refused = yield* send("HELLO")
      assert.deepStrictEqual([refused.status, refused.body.reason], [422, "content_rejected"])
      assert.strictEqual((yield* send("Hello there")).status, 201)
    }).pipe(Effect.provide(TestApp.layer({ replace: [TestApp.replace(Admission, quiet)] })))
  )

  it.live("believes whom its verifier believes", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const shown = yield* new RestClient(app.url, "sesame").ok<{ readonly user_id: string }>(
        "GET",
        "/api/v1/me/status"
      )
      assert.strictEqual(shown.user_id, ali)
      const { status } = yield* new RestClient(app.url, "barley").request("GET", "/api/v1/me/status")
      assert.strictEqual(status, 401)
      assert.strictEqual((yield* Effect.flip(app.token()))._tag, "Unavailable")
    }).pipe(Effect.provide(TestApp.layer({ replace: [TestApp.replace(TokenVerifier, sesame)] })))
  )

  it("is refused by the compiler where nobody would ask for it", () => {
    // @ts-expect-error The service takes its own.
    TestApp.replace(TokenRevocations, NoRevocations.layer)
  })
})
