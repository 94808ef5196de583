/** What every `ConversationStore` promises. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer, Result } from "effect"
import { defaultMemberSettings, defaultSettings } from "../../src/domain/ConversationSettings.ts"
import type { ConversationId, UserId } from "../../src/domain/Ids.ts"
import { type Advance, ConversationStore } from "../../src/domain/ports/ConversationStore.ts"
import type { MessageWriter } from "../../src/domain/ports/MessageWriter.ts"
import {
  append,
  appendAll,
  change,
  conversationId,
  group,
  message,
  newChange,
  someTime,
  userId
} from "./Fixtures.ts"

const create = (fields: Parameters<typeof group>[0]) =>
  Effect.flatMap(ConversationStore, (store) => store.create(group(fields)))

const load = (id: ConversationId) => Effect.flatMap(ConversationStore, (store) => store.load(id))

const membersOf = (id: ConversationId) => Effect.map(load(id), (state) => [...state.members.values()])

/** Advances all, in one batch as far as that is up to the caller. */
const advanceAll = (advances: ReadonlyArray<Advance>) =>
  Effect.flatMap(ConversationStore, (store) =>
    Effect.forEach(
      advances,
      (advance) =>
        Effect.callback<boolean>((resume) => {
          store.advance(advance, (result) => resume(Effect.succeed(Result.isSuccess(result))))
        }),
      { concurrency: "unbounded" }
    )
  )

const list = (user: UserId, limit: number, cursor?: string) =>
  Effect.flatMap(ConversationStore, (store) => store.listOf(user, { cursor, limit }))

/** All pages of someone's list. */
const listAll = Effect.fnUntraced(function* (user: UserId, limit: number) {
  const pages = [yield* list(user, limit)]
  for (let cursor = pages[0]!.nextCursor; cursor !== null; cursor = pages.at(-1)!.nextCursor) {
    pages.push(yield* list(user, limit, cursor))
  }
  return pages
})

const failure = <E extends { readonly _tag: string }, A, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "success" })

export const conversationStoreContract = <E>(
  name: string,
  storage: Layer.Layer<ConversationStore | MessageWriter, E>
) =>
  layer(storage, { excludeTestServices: true, timeout: "60 seconds" })(
    `ConversationStore on ${name}`,
    (it) => {
      it.effect("keeps a group as it was created, its creator the owner", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const { created, id } = yield* create({
            creator: ann,
            memberIds: [ann, bob],
            metadata: { title: "Tea", tags: ["a", null] },
            externalGroupId: `group-${ann}`
          })
          assert.isTrue(created)
          const { members, ...state } = yield* load(id)
          assert.deepStrictEqual(state, {
            id,
            type: "group",
            externalGroupId: `group-${ann}`,
            metadata: { title: "Tea", tags: ["a", null] },
            settings: defaultSettings,
            isActive: true,
            createdAt: someTime,
            updatedAt: someTime,
            lastSeq: 0
          })
          const fresh = {
            joinedAt: someTime,
            joinedSeq: 0,
            lastReadSeq: 0,
            lastDeliveredSeq: 0,
            lastHiddenSeq: 0,
            clearedSeq: 0,
            settings: defaultMemberSettings
          }
          assert.deepStrictEqual(
            [members.get(ann), members.get(bob), members.size],
            [{ userId: ann, role: "owner", ...fresh }, { userId: bob, role: "member", ...fresh }, 2]
          )
        })
      )

      it.effect("creates what it is asked to create under the same id once", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const asked = group({ creator: userId() })
          assert.deepStrictEqual(yield* store.create(asked), { id: asked.id, created: true })
          assert.deepStrictEqual(yield* store.create(asked), { id: asked.id, created: false })
        })
      )

      it.effect("has one direct conversation per pair, whoever of the two creates it, and both own it", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const first = yield* create({ type: "direct", creator: ann, memberIds: [ann, bob] })
          const second = yield* create({ type: "direct", creator: bob, memberIds: [bob, ann] })
          assert.deepStrictEqual([first.created, second.created], [true, false])
          assert.strictEqual(second.id, first.id)
          assert.deepStrictEqual(
            (yield* membersOf(first.id)).map((m) => m.role),
            ["owner", "owner"]
          )
        })
      )

      it.effect("creates once what many create at the same time", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const direct = { type: "direct", creator: ann, memberIds: [ann, bob] } as const
          const named = { creator: ann, externalGroupId: `race-${ann}` }
          for (const fields of [direct, named, { ...named, externalGroupCreator: ann }]) {
            const answers = yield* Effect.all(
              Array.from({ length: 12 }, () => create(fields)),
              { concurrency: "unbounded" }
            )
            assert.strictEqual(answers.filter((answer) => answer.created).length, 1)
            assert.strictEqual(new Set(answers.map((answer) => answer.id)).size, 1)
          }
        })
      )

      it.effect(
        "keeps the names that users give their groups apart from each other's, and from those of peers",
        () =>
          Effect.gen(function* () {
            const [ann, bob] = [userId(), userId()]
            const externalGroupId = `team-${ann}`
            const groups = [undefined, ann, bob].map((externalGroupCreator) => ({
              creator: ann,
              externalGroupId,
              externalGroupCreator
            }))
            const first = yield* Effect.forEach(groups, create)
            assert.deepStrictEqual(
              first.map((answer) => answer.created),
              [true, true, true]
            )
            const again = yield* Effect.forEach(groups, create)
            assert.deepStrictEqual(
              again,
              first.map(({ id }) => ({ id, created: false }))
            )
          })
      )

      it.effect("refuses an id that another conversation has", () =>
        Effect.gen(function* () {
          const { id } = yield* create({})
          assert.strictEqual(yield* failure(create({ id })), "Conflict")
        })
      )

      it.effect("does not know what was never created", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const [id, stranger] = [conversationId(), userId()]
          const tags = yield* Effect.all([
            failure(store.load(id)),
            failure(store.lastSeq(id)),
            failure(store.addMembers(id, [userId()], "member", someTime)),
            failure(store.update(id, {}, someTime)),
            failure(store.removeMember(id, stranger, stranger, "member"))
          ])
          assert.deepStrictEqual(tags, ["NotFound", "NotFound", "NotFound", "NotFound", "success"])
        })
      )

      it.effect("counts appended messages in its last seq and moves its activity forward", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const { id } = yield* create({})
          yield* append({ conversationId: id, sentAt: someTime + 10 })
          yield* append({ conversationId: id, sentAt: someTime + 5 })
          const other = yield* create({})
          const together = [id, other.id, id].map((each) => store.lastSeq(each))
          assert.deepStrictEqual(yield* Effect.all(together, { concurrency: "unbounded" }), [2, 0, 2])
          const { lastSeq, updatedAt } = yield* load(id)
          assert.deepStrictEqual([lastSeq, updatedAt], [2, someTime + 10])
        })
      )

      it.effect("adds who is not a member yet, from the present seq on, and answers only those", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const [ann, bob, cid] = [userId(), userId(), userId()]
          const { id } = yield* create({ creator: ann })
          yield* append({ conversationId: id })
          const added = yield* store.addMembers(id, [ann, bob, cid], "admin", someTime + 7)
          const bobs = {
            role: "admin",
            joinedAt: someTime + 7,
            joinedSeq: 1,
            lastReadSeq: 0,
            lastDeliveredSeq: 0,
            lastHiddenSeq: 0,
            clearedSeq: 0,
            settings: defaultMemberSettings
          }
          assert.deepStrictEqual(
            [...added].sort((a, b) => a.userId.localeCompare(b.userId)),
            [bob, cid].map((user) => ({ userId: user, ...bobs })) as typeof added
          )
          assert.deepStrictEqual(yield* store.addMembers(id, [bob], "member", someTime + 8), [])
          assert.strictEqual((yield* load(id)).members.get(bob)?.role, "admin")
          assert.strictEqual((yield* list(bob, 1)).items[0]?.conversation.member_count, 3)
        })
      )

      it.effect("forgets a member who leaves, and lets them back in with their positions", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const [ann, bob] = [userId(), userId()]
          const { id } = yield* create({ creator: ann, memberIds: [ann, bob] })
          yield* append({ conversationId: id })
          yield* advanceAll([{ conversationId: id, userId: bob, readSeq: 1, deliveredSeq: 1 }])
          const removed = { removed: true, heir: null, closed: false }
          assert.deepStrictEqual(yield* store.removeMember(id, ann, bob, "member"), removed)
          assert.deepStrictEqual(yield* store.removeMember(id, ann, bob, "member"), {
            ...removed,
            removed: false
          })
          assert.deepStrictEqual([...(yield* load(id)).members.keys()], [ann])
          assert.deepStrictEqual((yield* list(bob, 10)).items, [])
          assert.deepStrictEqual(yield* store.idsOf(bob), [])
          assert.strictEqual((yield* list(ann, 1)).items[0]?.conversation.member_count, 1)
          const back = yield* store.addMembers(id, [bob], "member", someTime + 9)
          assert.deepStrictEqual(back, [
            {
              userId: bob,
              role: "member",
              joinedAt: someTime + 9,
              joinedSeq: 1,
              lastReadSeq: 1,
              lastDeliveredSeq: 1,
              lastHiddenSeq: 0,
              clearedSeq: 0,
              settings: defaultMemberSettings
            }
          ])
          assert.strictEqual((yield* list(ann, 1)).items[0]?.conversation.member_count, 2)
        })
      )

      it.effect("replaces metadata", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const { id } = yield* create({ metadata: { title: "old", icon: "x" } })
          yield* store.update(id, { title: "new" }, someTime + 3)
          const { metadata, updatedAt } = yield* load(id)
          assert.deepStrictEqual([metadata, updatedAt], [{ title: "new" }, someTime + 3])
        })
      )

      it.effect("moves positions forward only, each by itself, to the furthest of a batch", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const { id } = yield* create({ creator: ann, memberIds: [ann, bob] })
          const at = (user: UserId, readSeq: number, deliveredSeq: number): Advance => ({
            conversationId: id,
            userId: user,
            readSeq,
            deliveredSeq
          })
          const done = yield* advanceAll([at(bob, 3, 3), at(bob, 2, 7), at(ann, 1, 1), at(userId(), 1, 1)])
          assert.deepStrictEqual(done, [true, true, true, true])
          yield* advanceAll([at(bob, 5, 2)])
          const positions = (yield* membersOf(id)).map((m) => [m.userId, m.lastReadSeq, m.lastDeliveredSeq])
          assert.sameDeepMembers(positions, [
            [ann, 1, 1],
            [bob, 5, 7]
          ])
        })
      )

      it.effect("lists one's conversations by last activity, page by page, each once", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const ids: Array<ConversationId> = []
          for (let i = 0; i < 7; i++) {
            // Two of them share a moment, so that the order within it matters as well.
            const createdAt = someTime + Math.floor(i / 2)
            ids.push((yield* create({ creator: ann, memberIds: [ann, bob], createdAt })).id)
          }
          yield* append({ conversationId: ids[2]!, sentAt: someTime + 1000 })
          yield* create({ creator: bob })
          const pages = yield* listAll(ann, 3)
          assert.deepStrictEqual(
            pages.map((page) => page.items.length),
            [3, 3, 1]
          )
          const listed = pages.flatMap((page) => page.items.map((item) => item.conversation.id))
          assert.deepStrictEqual(
            listed,
            [2, 6, 5, 4, 3, 1, 0].map((i) => ids[i]!)
          )
          assert.strictEqual(pages[0]!.items[0]!.role, "owner")
        })
      )

      it.effect("refuses a cursor that it did not make", () =>
        Effect.gen(function* () {
          const forged = ["", "x", "🙂", Buffer.from("1.2").toString("base64url"), `${"9".repeat(400)}`]
          const tags = yield* Effect.forEach(forged, (cursor) => failure(list(userId(), 10, cursor)))
          assert.deepStrictEqual(
            tags,
            forged.map(() => "Conflict")
          )
        })
      )

      it.effect("counts as unread what others sent after one's position", () =>
        Effect.gen(function* () {
          const [ann, bob] = [userId(), userId()]
          const { id } = yield* create({ creator: ann, memberIds: [ann, bob] })
          const from = (senderId: UserId) => message({ conversationId: id, senderId })
          yield* appendAll([from(ann), from(bob), from(ann), from(ann)])
          const unread = (user: UserId) =>
            Effect.map(list(user, 1), (page) => [page.items[0]!.lastReadSeq, page.items[0]!.unreadCount])
          assert.deepStrictEqual(
            [yield* unread(ann), yield* unread(bob)],
            [
              [0, 1],
              [0, 3]
            ]
          )
          yield* advanceAll([{ conversationId: id, userId: bob, readSeq: 3, deliveredSeq: 3 }])
          assert.deepStrictEqual(yield* unread(bob), [3, 1])
        })
      )

      it.effect("counts unread mentions of members, through edits and deletions, and nobody's own", () =>
        Effect.gen(function* () {
          const [ann, bob, eve] = [userId(), userId(), userId()]
          const { id } = yield* create({ creator: ann, memberIds: [ann, bob] })
          const { id: elsewhere } = yield* create({ creator: eve, memberIds: [eve] })
          const mentions = (user: UserId) =>
            Effect.map(list(user, 1), (page) => page.items[0]?.unreadMentions)
          const mention = (...users: ReadonlyArray<string>) => ({ metadata: { mentions: users } })
          const send = (fields: object) => append({ conversationId: id, senderId: ann, ...fields })
          const first = yield* send(mention(bob.toUpperCase(), bob, ann, eve))
          const second = yield* send({})
          yield* send({ metadata: { mentions: "nobody" } })
          yield* send({ ...mention(bob), expiresAt: someTime })
          assert.deepStrictEqual(
            [yield* mentions(bob), yield* mentions(ann), yield* mentions(eve)],
            [1, 0, 0]
          )
          const edit = {
            kind: "edit",
            content: "now",
            metadata: mention(bob).metadata,
            expected: null
          } as const
          yield* change(newChange(id, second.id, edit))
          assert.strictEqual(yield* mentions(bob), 2)
          yield* change(newChange(id, first.id, { kind: "delete" }))
          assert.strictEqual(yield* mentions(bob), 1)
          yield* advanceAll([
            { conversationId: id, userId: bob, readSeq: second.seq, deliveredSeq: second.seq }
          ])
          assert.strictEqual(yield* mentions(bob), 0)
          assert.notStrictEqual(elsewhere, id)
        })
      )

      it.effect("counts nothing as unread that was sent before one joined", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const bob = userId()
          const { id } = yield* create({})
          yield* appendAll([message({ conversationId: id }), message({ conversationId: id })])
          yield* store.addMembers(id, [bob], "member", someTime)
          yield* append({ conversationId: id })
          assert.strictEqual((yield* list(bob, 1)).items[0]?.unreadCount, 1)
        })
      )

      it.effect("tells many users at once which conversations they are in, the most active first", () =>
        Effect.gen(function* () {
          const store = yield* ConversationStore
          const users = Array.from({ length: 40 }, userId)
          const { id: older } = yield* create({ creator: users[0]!, memberIds: users })
          const { id: newer } = yield* create({
            creator: users[0]!,
            memberIds: users.slice(0, 20),
            createdAt: someTime + 1
          })
          const ids = yield* Effect.forEach([...users, userId()], (user) => store.idsOf(user), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(ids, [
            ...users.slice(0, 20).map(() => [newer, older]),
            ...users.slice(20).map(() => [older]),
            []
          ])
        })
      )
    }
  )
