/** The stream of a conversation's events, over both protocols: what it tells, and each way it ends. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Redacted, Stream } from "effect"
import { Conversations } from "../../../src/actors/conversation/Conversations.ts"
import { Revocations } from "../../../src/actors/session/Revocations.ts"
import type { ConversationEvent } from "../../../src/domain/ConversationEvent.ts"
import { ConversationId } from "../../../src/domain/Ids.ts"
import { TokenVerifier } from "../../../src/domain/ports/TokenVerifier.ts"
import * as TestApp from "../../../src/testing/TestApp.ts"
import * as Poll from "../../support/Poll.ts"
import * as RpcPeople from "../../support/RpcPeople.ts"
import * as RawRpc from "./RawRpc.ts"

const HARD = 20_000

const app = TestApp.layer({
  env: {
    MAX_OUTBOX: String(HARD),
    MAX_OUTBOX_SOFT: "10000",
    MAX_CHANNELS_PER_SOCKET: "2",
    MAX_RPC_CALLS: "3",
    JWT_CLOCK_SKEW: "0 seconds"
  }
})

const people = Effect.fnUntraced(function* (protocol: RpcPeople.Protocol = "websocket") {
  const here = yield* TestApp.TestApp
  const [alice, bob] = [yield* here.token(), yield* here.token()]
  const client = yield* RpcPeople.client(here, alice, protocol)
  const { conversation } = yield* client.createConversation({ type: "group", member_ids: [bob.user_id] })
  return { here, alice, bob, client, id: conversation.id }
})

/** What a reader was told, one at a time; fails as its stream does. */
const told = <E>(stream: Stream.Stream<ConversationEvent, E>) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<ConversationEvent, E>()
    yield* Effect.forkScoped(
      Effect.onError(
        Stream.runForEach(stream, (event) => Queue.offer(queue, event)),
        (cause) => Queue.failCause(queue, cause)
      )
    )
    return queue
  })

layer(app, { excludeTestServices: true, timeout: "2 minutes" })("A stream of events", (it) => {
  for (const protocol of ["websocket", "http"] as const) {
    it.effect(`over ${protocol} begins with a snapshot and tells what happens, typed`, () =>
      Effect.gen(function* () {
        const { bob, client, here, id } = yield* people(protocol)
        const writer = yield* RpcPeople.client(here, bob)
        const send = (content: string, client_random: number) =>
          writer.sendMessage({ conversation_id: id, content, client_random })
        const first = yield* send("one", 1)
        const events = yield* told(client.follow(id))
        const snapshot = yield* Queue.take(events)
        if (snapshot.event !== "snapshot") return assert.fail(snapshot.event)
        assert.deepStrictEqual(
          snapshot.payload.messages.map(({ content }) => content),
          ["one"]
        )
        assert.strictEqual(snapshot.seq, 1)
        yield* send("two", 2)
        const one = { conversation_id: id, message_id: first.message_id }
        yield* writer.editMessage({ ...one, content: "ONE" })
        yield* client.addReaction({ ...one, reaction: "👍" })
        yield* writer.typing({ conversation_id: id, action: "start" })
        const [message, edited, reaction, typing] = [
          yield* Queue.take(events),
          yield* Queue.take(events),
          yield* Queue.take(events),
          yield* Queue.take(events)
        ]
        assert.strictEqual(message.event === "new_message" && message.payload.content, "two")
        assert.strictEqual(edited.event === "message_edited" && edited.payload.content, "ONE")
        assert.strictEqual(reaction.event === "reaction_added" && reaction.payload.reaction, "👍")
        assert.strictEqual(typing.event === "typing_indicator" && typing.payload.user_id, bob.user_id)
        assert.deepStrictEqual(
          [message, edited, reaction, typing].map(({ seq }) => seq),
          [2, 3, 4, null]
        )

        const resumed = yield* told(client.follow(id, { last_seq: 2 }))
        const missed = yield* Queue.take(resumed)
        assert.strictEqual(missed.event === "snapshot" && missed.payload.resumed, true)
        assert.deepStrictEqual(RpcPeople.numbers(missed), [4])
      }).pipe(Effect.scoped)
    )

    it.effect(`over ${protocol} ends when its reader is removed, and when the conversation is deleted`, () =>
      Effect.gen(function* () {
        const { bob, client, here, id } = yield* people(protocol)
        const removed = yield* RpcPeople.client(here, bob, protocol)
        const theirs = yield* told(removed.follow(id))
        yield* Queue.take(theirs)
        const mine = yield* told(client.follow(id))
        yield* Queue.take(mine)
        yield* client.removeMember({ conversation_id: id, user_id: bob.user_id })
        const until = (events: typeof theirs) => Effect.flip(Effect.forever(Queue.take(events)))
        assert.strictEqual((yield* until(theirs))._tag, "NotMember")
        yield* client.deleteConversation({ conversation_id: id })
        assert.strictEqual((yield* until(mine))._tag, "NotMember")
      }).pipe(Effect.scoped)
    )

    it.effect(`over ${protocol} ends when its token is revoked`, () =>
      Effect.gen(function* () {
        const { alice, client, id } = yield* people(protocol)
        const events = yield* told(client.follow(id))
        yield* Queue.take(events)
        const { verify } = yield* TokenVerifier
        const { revoke } = yield* Revocations
        const by = yield* verify(Redacted.make(alice.token))
        yield* revoke(by, { kind: "token", token_id: by.tokenId, before: Date.now() })
        const end = yield* Effect.flip(Effect.forever(Queue.take(events)))
        assert.strictEqual(end._tag === "TokenRejected" && end.reason, "revoked")
      }).pipe(Effect.scoped)
    )
  }

  it.effect("ends when its token expires, and goes on with the next one of a client that has one", () =>
    Effect.gen(function* () {
      const { alice, here, id } = yield* people()
      // Long enough for all three to be connected by then.
      const brief = yield* here.token({ user_id: alice.user_id, expires_in: 5 })
      const raw = yield* RawRpc.connect(here.url, { params: { token: brief.token } })
      raw.request("1", "conversationEvents", { conversation_id: id })
      const ending = Effect.gen(function* () {
        assert.strictEqual((yield* raw.messages.next())._tag, "Chunk")
        raw.acknowledge("1")
        const { exit } = yield* raw.messages.next()
        assert.deepStrictEqual(exit?.cause?.[0]?.error, { _tag: "TokenRejected", reason: "expired" })
        assert.deepStrictEqual(yield* raw.closes.next(), [1008, "token_expired"])
      })
      const goingOn = Effect.fnUntraced(function* (protocol: RpcPeople.Protocol) {
        const tokens = [brief.token]
        const token = Effect.sync(() => tokens.shift() ?? alice.token)
        const client = yield* RpcPeople.client(here, { token }, protocol)
        const snapshots = yield* client.follow(id).pipe(Stream.take(2), Stream.runCollect)
        assert.deepStrictEqual(
          snapshots.map(({ event }) => event),
          ["snapshot", "snapshot"]
        )
      })
      yield* Effect.all([ending, goingOn("websocket"), goingOn("http")], { concurrency: "unbounded" })
    }).pipe(Effect.scoped)
  )

  it.effect("is told in pages to who has missed more than one holds, with nothing between", () =>
    Effect.gen(function* () {
      const { alice, client, id } = yield* people()
      const conversations = yield* Conversations
      const { verify } = yield* TokenVerifier
      const caller = { identity: yield* verify(Redacted.make(alice.token)), sessionId: null }
      yield* Effect.forEach(
        Array.from({ length: 1_100 }, (_, n) => n),
        (n) => conversations.send(caller, ConversationId.make(id), { content: `${n}`, client_random: n }),
        { concurrency: 100, discard: true }
      )
      const pages = yield* client.follow(id, { last_seq: 0 }).pipe(Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(
        pages.map(({ event, seq }) => [event, seq]),
        [
          ["snapshot", 1_000],
          ["snapshot", 1_100]
        ]
      )
      assert.deepStrictEqual(
        pages.flatMap(RpcPeople.numbers),
        Array.from({ length: 1_100 }, (_, n) => n + 1)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("ends for who reads too slowly, who then resumes from the last number", () =>
    Effect.gen(function* () {
      const { alice, client, here, id } = yield* people()
      const raw = yield* RawRpc.connect(here.url, { params: { token: alice.token } })
      raw.request("1", "conversationEvents", { conversation_id: id })
      const snapshot = yield* raw.messages.next()
      assert.strictEqual(snapshot.values?.[0]?.event, "snapshot")
      // Nothing is acknowledged: what comes now waits.
      const count = (2 * HARD) / 1_000
      for (let n = 1; n <= count; n++) {
        yield* client.sendMessage({ conversation_id: id, content: "x".repeat(1_000), client_random: n })
      }
      const seqs: Array<number> = []
      let end: RawRpc.RawMessage | undefined
      while (end === undefined) {
        raw.acknowledge("1")
        const message = yield* raw.messages.next()
        if (message._tag === "Exit") end = message
        for (const { seq } of message.values ?? []) if (seq !== null) seqs.push(seq)
      }
      assert.deepStrictEqual(end.exit?.cause?.[0]?.error, { _tag: "StreamEnded", reason: "slow" })
      assert.deepStrictEqual(
        seqs,
        Array.from(seqs, (_, i) => i + 1)
      )
      assert.isAbove(seqs.length, 5)
      assert.isBelow(seqs.length, count)
      const rest = yield* client.follow(id, { last_seq: seqs.length }).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(RpcPeople.numbers(rest[0]!).length, count - seqs.length)
    }).pipe(Effect.scoped)
  )

  it.effect("leaves out typing for who reads slowly, and nothing that is not said again", () =>
    Effect.gen(function* () {
      const { alice, client, here, id } = yield* people()
      const raw = yield* RawRpc.connect(here.url, { params: { token: alice.token } })
      raw.request("1", "conversationEvents", { conversation_id: id })
      yield* raw.messages.next()
      // Half of what may wait, and more than may when it passes.
      for (let n = 1; n <= (0.6 * HARD) / 1_000; n++) {
        yield* client.sendMessage({ conversation_id: id, content: "x".repeat(1_000), client_random: n })
      }
      yield* client.typing({ conversation_id: id, action: "start" })
      yield* client.updateConversation({ conversation_id: id, metadata: { name: "Tea" } })
      const told: Array<unknown> = []
      while (told.at(-1) !== "conversation_updated") {
        raw.acknowledge("1")
        for (const { event } of (yield* raw.messages.next()).values ?? []) told.push(event)
      }
      assert.notInclude(told, "typing_indicator")
    }).pipe(Effect.scoped)
  )

  it.effect("is one of as many as a connection may have, and gives its place back", () =>
    Effect.gen(function* () {
      const { alice, here, id } = yield* people()
      const raw = yield* RawRpc.connect(here.url, { params: { token: alice.token } })
      for (const request of ["1", "2", "3"]) {
        raw.request(request, "conversationEvents", { conversation_id: id })
        const answer = yield* raw.messages.next()
        if (request === "3") {
          assert.deepStrictEqual(answer.exit?.cause?.[0]?.error, { _tag: "Overloaded", what: "service" })
        } else assert.strictEqual(answer._tag, "Chunk")
      }
      raw.write(JSON.stringify({ _tag: "Interrupt", requestId: "1" }))
      assert.strictEqual((yield* raw.messages.next())._tag, "Exit")
      raw.request("4", "conversationEvents", { conversation_id: id })
      assert.strictEqual((yield* raw.messages.next())._tag, "Chunk")
    }).pipe(Effect.scoped)
  )

  it.effect("leaves nothing behind when its reader has enough, or is gone", () =>
    Effect.gen(function* () {
      for (const protocol of ["websocket", "http"] as const) {
        const { client, id } = yield* people(protocol)
        const begun = yield* Deferred.make<void>()
        const reading = yield* Effect.forkScoped(
          Stream.runForEach(client.follow(id), () => Deferred.succeed(begun, undefined))
        )
        yield* Deferred.await(begun)
        const sessions = Effect.map(client.listSessions({}), ({ items }) => items.length)
        assert.strictEqual(yield* sessions, 1)
        yield* Fiber.interrupt(reading)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(reading)))
        if (protocol === "http") yield* Poll.until(Effect.map(sessions, (count) => count === 0))
        else assert.strictEqual(yield* sessions, 1)
      }
    }).pipe(Effect.scoped)
  )
})

layer(app, { excludeTestServices: true, timeout: "2 minutes" })("A socket of typed RPC", (it) => {
  it.effect("answers more calls at once than may be with Overloaded, each of them", () =>
    Effect.gen(function* () {
      const { alice, here } = yield* people()
      const raw = yield* RawRpc.connect(here.url, { params: { token: alice.token } })
      const count = 30
      for (let n = 0; n < count; n++) raw.request(String(n), "listConversations", {})
      const answers: Array<RawRpc.RawMessage> = []
      while (answers.length < count) answers.push(yield* raw.messages.next())
      const refused = answers.filter(({ exit }) => exit?._tag === "Failure")
      assert.isAbove(refused.length, 0)
      assert.isAtLeast(count - refused.length, 3)
      for (const { exit } of refused) {
        assert.deepStrictEqual(exit?.cause?.[0]?.error, { _tag: "Overloaded", what: "service" })
      }
      raw.request("again", "listConversations", {})
      assert.strictEqual((yield* raw.messages.next()).exit?._tag, "Success")
    }).pipe(Effect.scoped)
  )

  it.effect("is no way around that bound over HTTP, which says no more of it", () =>
    Effect.gen(function* () {
      const { alice, here } = yield* people()
      const asked = Array.from({ length: 16 }, () => ({ tag: "listConversations", payload: {} }))
      const answers = yield* RawRpc.postAll(here.url, { authorization: `Bearer ${alice.token}` }, asked)
      assert.lengthOf(answers, asked.length)
      const refused = answers.filter(({ exit }) => exit?._tag === "Failure")
      assert.isAbove(refused.length, 0)
      assert.isAtLeast(asked.length - refused.length, 3)
      for (const { exit } of refused) {
        assert.deepStrictEqual(exit?.cause?.[0]?.error, { _tag: "Overloaded", what: "service" })
      }
    }).pipe(Effect.scoped)
  )

  it.effect("takes a few messages in one body over HTTP, whatever they are, and nothing of more", () =>
    Effect.gen(function* () {
      const { here } = yield* people()
      const ask = (count: number) =>
        RawRpc.postAll(
          here.url,
          { authorization: undefined },
          Array.from({ length: count }, () => ({ tag: "nothing like it", payload: {} }))
        )
      assert.lengthOf(yield* ask(16), 16)
      const [problem, ...others] = yield* ask(17)
      assert.lengthOf(others, 0)
      assert.include(JSON.stringify(problem), `"reason":"invalid"`)
    }).pipe(Effect.scoped)
  )

  it.effect("is not opened for a page of another origin", () =>
    Effect.gen(function* () {
      const { alice, here } = yield* people()
      const from = (origin: string) =>
        RawRpc.connect(here.url, { params: { token: alice.token }, headers: { origin } })
      assert.strictEqual(yield* Effect.flip(from("https://elsewhere.example")), "403 origin")
      yield* from(here.url)
    }).pipe(Effect.scoped)
  )

  it.effect("is closed over what is no message, and over an id that is in use", () =>
    Effect.gen(function* () {
      const { alice, here, id } = yield* people()
      const attempt = Effect.fnUntraced(function* (...texts: ReadonlyArray<string | Buffer>) {
        const raw = yield* RawRpc.connect(here.url, { params: { token: alice.token } })
        for (const text of texts) raw.write(text)
        const [code] = yield* raw.closes.next()
        return code
      })
      const nonsense = ["", "{", "null", "[]", '{"_tag":"Request"}', '{"_tag":"Ack"}', '{"_tag":"Chunk"}']
      for (const text of nonsense) assert.strictEqual(yield* attempt(text), 1007, text)
      assert.strictEqual(yield* attempt(Buffer.from('{"_tag":"Ping"}')), 1007, "a binary message")
      const stream = JSON.stringify({
        _tag: "Request",
        id: 1,
        tag: "conversationEvents",
        payload: { conversation_id: id }
      })
      assert.strictEqual(yield* attempt(stream, stream), 1008)
      assert.strictEqual(yield* attempt('{"_tag":"Eof"}'), 1000)
    }).pipe(Effect.scoped)
  )

  it.effect("names each wrong field, knows no other operations, and is counted", () =>
    Effect.gen(function* () {
      const { client, alice, here, id } = yield* people()
      const wrong = yield* Effect.flip(
        client.sendMessage({ conversation_id: id, content: "x", client_random: -1, expires_in: 0 })
      )
      assert.strictEqual(wrong._tag, "InvalidInput")
      if (wrong._tag === "InvalidInput") {
        assert.deepStrictEqual(
          wrong.issues.map(({ path }) => path),
          ["client_random", "expires_in"]
        )
      }
      const { exit } = yield* RawRpc.post(here.url, `Bearer ${alice.token}`, "toString")
      assert.deepStrictEqual(exit?.cause, [{ _tag: "Die", defect: "Unknown request tag: toString" }])
      for (const body of ["", "{}", '{"_tag":"Request","id":"1","tag":"unread","payload":{}}']) {
        const response = yield* Effect.promise(() => fetch(`${here.url}/rpc`, { method: "POST", body }))
        const problem = yield* Effect.promise(() => response.json() as Promise<{ readonly reason: string }>)
        assert.deepStrictEqual([response.status, problem.reason], [400, "invalid"])
      }
      const metrics = yield* Effect.promise(async () => (await fetch(`${here.url}/metrics`)).text())
      assert.match(metrics, /rpc_calls_total\{[^}]*operation="sendMessage"[^}]*\} \d/)
    }).pipe(Effect.scoped)
  )
})
