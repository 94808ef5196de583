/**
 * Conversations and their members in SQL. Every method is one statement, hence atomic by itself. A row's lock order
 * is always the conversation first, then its members, so that concurrent owners wait for each other and never
 * deadlock.
 */
import { PgTypes } from "@effect/sql-pg"
import { Clock, Context, Effect, Exit, Layer, Request, RequestResolver } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { ConversationType, Member, Role } from "../../domain/Conversation.ts"
import {
  defaultMemberSettings,
  defaultSettings,
  type MemberSettings,
  type UpdateMemberSettings,
  type UpdateSettings
} from "../../domain/ConversationSettings.ts"
import { Conflict, NotFound, NotMember, type Unavailable } from "../../domain/Errors.ts"
import type { ConversationId, UserId } from "../../domain/Ids.ts"
import type { Metadata } from "../../domain/Message.ts"
import {
  ConversationStore,
  type ConversationSummary,
  type ListFilter,
  type NewConversation,
  type PageOptions,
  type RecentSend,
  type Removal
} from "../../domain/ports/ConversationStore.ts"
import { newId } from "../../domain/TimeOrderedId.ts"
import { Database } from "../database/Database.ts"
import { texts, uuids } from "../database/SqlArrays.ts"
import * as ConversationCursor from "./ConversationCursor.ts"
import * as statements from "./ConversationSql.ts"
import * as Watermarks from "./Watermarks.ts"

/** The loop of the watermark writer, which the supervision tree runs; see `GroupCommit.run`. */
export class WatermarkLoop extends Context.Service<WatermarkLoop, { readonly run: Effect.Effect<never> }>()(
  "messaging-service/layers/WatermarkLoop"
) {}

/** The loop that writes when messages were delivered and read; likewise. */
export class DeliveryTimesLoop extends Context.Service<
  DeliveryTimesLoop,
  { readonly run: Effect.Effect<never> }
>()("messaging-service/layers/DeliveryTimesLoop") {}

interface MemberRow {
  readonly user_id: UserId
  readonly role: Role
  readonly joined_at: Date
  readonly joined_seq: number
  readonly last_read_seq: number
  readonly last_delivered_seq: number
  readonly last_hidden_seq: number
  readonly read_receipts: boolean
  readonly cleared_seq: number
  readonly settings: UpdateMemberSettings
}

interface ConversationRow {
  readonly id: ConversationId
  readonly type: ConversationType
  readonly external_group_id: string | null
  readonly metadata: Metadata
  readonly settings: UpdateSettings | null
  readonly is_active: boolean
  readonly last_seq: number
  readonly member_count: number
  readonly created_at: Date
  readonly updated_at: Date
}

interface SummaryRow extends ConversationRow {
  readonly role: Role
  readonly my_settings: UpdateMemberSettings
  readonly pinned: 0 | 1
  readonly last_read_seq: number
  readonly unread_count: number
  readonly unread_mentions: number
  /** Unix µs. */
  readonly activity: number
}

interface StatsRow {
  readonly messages: number | null
  readonly unread: number | null
  readonly last_activity: number
}

const settingsOf = (set: UpdateSettings | null) =>
  set === null ? defaultSettings : { ...defaultSettings, ...set }

/** Most members have set nothing: they share one object. */
const memberSettingsOf = (set: UpdateMemberSettings): MemberSettings => {
  for (const _ in set) return { ...defaultMemberSettings, ...set }
  return defaultMemberSettings
}

const memberOf = (row: MemberRow): Member => ({
  userId: row.user_id,
  role: row.role,
  joinedAt: row.joined_at.getTime(),
  joinedSeq: row.joined_seq,
  lastReadSeq: row.last_read_seq,
  lastDeliveredSeq: row.last_delivered_seq,
  lastHiddenSeq: row.last_hidden_seq,
  clearedSeq: row.cleared_seq,
  settings: memberSettingsOf(row.settings),
  ...(row.read_receipts ? {} : { hidesReads: true })
})

const summaryOf = (row: SummaryRow): ConversationSummary => ({
  conversation: {
    id: row.id,
    type: row.type,
    external_group_id: row.external_group_id,
    metadata: row.metadata,
    settings: settingsOf(row.settings),
    is_active: row.is_active,
    last_seq: row.last_seq,
    member_count: row.member_count,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString()
  },
  role: row.role,
  settings: memberSettingsOf(row.my_settings),
  lastReadSeq: row.last_read_seq,
  unreadCount: row.unread_count,
  unreadMentions: row.unread_mentions
})

/** A pattern of LIKE for what contains a text as it is written. */
const containing = (text: string): string => `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`

/** Rows get their ids here: version 7, so that they are made in the order of their index. */
const newIds = (count: number): ReadonlyArray<string> => Array.from({ length: count }, newId)

const directKey = (conversation: NewConversation): string | null =>
  conversation.type === "direct" ? [...conversation.memberIds].sort().join(":") : null

interface IdsOf extends Request.Request<ReadonlyArray<ConversationId>, Unavailable> {
  readonly _tag: "IdsOf"
  readonly userId: UserId
}
const IdsOf = Request.tagged<IdsOf>("IdsOf")

interface LastSeq extends Request.Request<number, NotFound | Unavailable> {
  readonly _tag: "LastSeq"
  readonly id: ConversationId
}
const LastSeq = Request.tagged<LastSeq>("LastSeq")

const make = Effect.fnUntraced(function* (options: Watermarks.WatermarkOptions) {
  const sql = yield* SqlClient
  const database = yield* Database
  const watermarks = yield* Watermarks.make(options)

  const query = <Row>(what: string, text: string, parameters: ReadonlyArray<unknown>) =>
    database.run(`ConversationStore.${what}`, sql.unsafe<Row & object>(text, parameters))

  const create = Effect.fnUntraced(function* (conversation: NewConversation) {
    const { createdAt, creator, externalGroupId, id, memberIds, metadata, type } = conversation
    const namedBy = PgTypes.uuid(conversation.externalGroupCreator ?? null)
    const key = directKey(conversation)
    const roles = memberIds.map(
      (userId): Role => (type === "direct" || userId === creator ? "owner" : "member")
    )
    const created = yield* query("create", statements.create, [
      id,
      type,
      key,
      externalGroupId,
      PgTypes.jsonb(metadata),
      PgTypes.timestamptz(createdAt),
      uuids(newIds(memberIds.length)),
      uuids(memberIds),
      texts(roles),
      namedBy
    ])
    if (created.length > 0) return { id, created: true }
    const existing = yield* query<{ readonly id: ConversationId }>("find", statements.find, [
      key,
      externalGroupId,
      namedBy,
      id,
      creator
    ])
    if (existing[0] === undefined) return yield* new Conflict({ what: "conversation" })
    return { id: existing[0].id, created: false }
  })

  const load = Effect.fnUntraced(function* (id: ConversationId) {
    const [rows, members] = yield* Effect.all(
      [
        query<ConversationRow>("load", statements.load, [id]),
        query<MemberRow>("members", statements.members, [id])
      ],
      { concurrency: "unbounded" }
    )
    const row = rows[0]
    if (row === undefined) return yield* new NotFound({ what: "conversation" })
    return {
      id,
      type: row.type,
      externalGroupId: row.external_group_id,
      metadata: row.metadata,
      settings: settingsOf(row.settings),
      isActive: row.is_active,
      createdAt: row.created_at.getTime(),
      updatedAt: row.updated_at.getTime(),
      lastSeq: row.last_seq,
      members: new Map(members.map((member) => [member.user_id, memberOf(member)]))
    }
  })

  const lastSeqs = RequestResolver.make<LastSeq>((entries) =>
    Effect.map(
      query<{ readonly id: ConversationId; readonly last_seq: number }>("lastSeqs", statements.lastSeqs, [
        uuids(entries.map((entry) => entry.request.id))
      ]),
      (rows) => {
        const byId = new Map(rows.map((row) => [row.id, row.last_seq]))
        for (const entry of entries) {
          const seq = byId.get(entry.request.id)
          entry.completeUnsafe(
            seq === undefined ? Exit.fail(new NotFound({ what: "conversation" })) : Exit.succeed(seq)
          )
        }
      }
    )
  ).pipe(RequestResolver.setDelay("5 millis"), RequestResolver.batchN(500))

  const listOf = Effect.fnUntraced(function* (
    userId: UserId,
    { archived, cursor, limit, memberId, text }: ListFilter & PageOptions
  ) {
    // Pinned ones come first: whether it was one of them is the first character.
    const after = /^[01]/.test(cursor ?? "") ? ConversationCursor.decode((cursor ?? "").slice(1)) : undefined
    if (cursor !== undefined && after === undefined) return yield* new Conflict({ what: "cursor" })
    const rows = yield* query<SummaryRow>("listOf", statements.list, [
      userId,
      Number(cursor?.startsWith("1")),
      PgTypes.float8(after?.updatedAt ?? null),
      PgTypes.uuid(after?.id ?? null),
      limit + 1,
      PgTypes.timestamptz(yield* Clock.currentTimeMillis),
      PgTypes.bool(archived ?? null),
      PgTypes.text(text === undefined ? null : containing(text)),
      PgTypes.uuid(memberId ?? null)
    ])
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      items: page.map(summaryOf),
      nextCursor:
        rows.length > limit && last !== undefined
          ? `${last.pinned}${ConversationCursor.encode({ updatedAt: last.activity, id: last.id })}`
          : null
    }
  })

  const stats: ConversationStore["Service"]["stats"] = Effect.fnUntraced(function* (
    id,
    { countMessages, unreadOf }
  ) {
    const [row] = yield* query<StatsRow>("stats", statements.stats, [
      id,
      countMessages,
      PgTypes.uuid(unreadOf ?? null),
      PgTypes.timestamptz(yield* Clock.currentTimeMillis)
    ])
    if (row === undefined) return yield* new NotFound({ what: "conversation" })
    if (unreadOf !== undefined && row.unread === null) return yield* new NotMember()
    return {
      messages: row.messages ?? undefined,
      unread: row.unread ?? undefined,
      lastActivity: row.last_activity
    }
  })

  // Thousands of users who connect within a moment ask together, in a few queries.
  const resolver = RequestResolver.make<IdsOf>((entries) =>
    Effect.map(
      query<{ readonly user_id: UserId; readonly ids: ReadonlyArray<ConversationId> }>(
        "idsOf",
        statements.idsOf,
        [uuids(entries.map((entry) => entry.request.userId))]
      ),
      (rows) => {
        const byUser = new Map(rows.map((row) => [row.user_id, row.ids]))
        for (const entry of entries)
          entry.completeUnsafe(Exit.succeed(byUser.get(entry.request.userId) ?? []))
      }
    )
  ).pipe(RequestResolver.setDelay("5 millis"), RequestResolver.batchN(500))

  const sharing = (userId: UserId, userIds: ReadonlyArray<UserId>) =>
    Effect.map(
      query<{ readonly user_id: UserId }>("sharing", statements.sharing, [userId, uuids(userIds)]),
      (rows) => rows.map((row) => row.user_id)
    )

  const addMembers = Effect.fnUntraced(function* (
    id: ConversationId,
    userIds: ReadonlyArray<UserId>,
    role: Role,
    at: number
  ) {
    const rows = yield* query<MemberRow | { readonly user_id: null }>("addMembers", statements.addMembers, [
      id,
      uuids(newIds(userIds.length)),
      uuids(userIds),
      role,
      PgTypes.timestamptz(at)
    ])
    if (rows.length === 0) return yield* new NotFound({ what: "conversation" })
    return rows.flatMap((row) => (row.user_id === null ? [] : [memberOf(row)]))
  })

  const removeMember = (id: ConversationId, by: UserId | null, userId: UserId, role: Role) =>
    Effect.map(
      query<Removal>("removeMember", statements.removeMember, [id, PgTypes.uuid(by), userId, role]),
      ([removal]) => removal ?? { removed: false, heir: null, closed: false }
    )

  const changeRole = (id: ConversationId, by: UserId, userId: UserId, role: Role) =>
    Effect.map(
      query<{ readonly done: boolean }>("changeRole", statements.changeRole, [id, by, userId, role]),
      ([row]) => row?.done === true
    )

  const membersOf = (
    id: ConversationId,
    { after, limit }: { readonly after: UserId | undefined; readonly limit: number }
  ) =>
    Effect.map(
      query<MemberRow>("membersOf", statements.membersOf, [id, PgTypes.uuid(after ?? null), limit]),
      (rows) => rows.map(memberOf)
    )

  const close = (id: ConversationId, by: UserId, at: number) =>
    Effect.map(query("close", statements.close, [id, by, PgTypes.timestamptz(at)]), (rows) => rows.length > 0)

  const clear = Effect.fnUntraced(function* (id: ConversationId, userId: UserId) {
    const [row] = yield* query<{ readonly cleared_seq: number }>("clear", statements.clear, [id, userId])
    if (row === undefined) return yield* new NotFound({ what: "member" })
    return row.cleared_seq
  })

  const configure = Effect.fnUntraced(function* (id: ConversationId, settings: UpdateSettings) {
    const rows = yield* query("configure", statements.configure, [newId(), id, PgTypes.jsonb(settings)])
    if (rows.length === 0) return yield* new NotFound({ what: "conversation" })
  })

  const prefer = Effect.fnUntraced(function* (
    id: ConversationId,
    userId: UserId,
    settings: UpdateMemberSettings
  ) {
    const rows = yield* query("prefer", statements.prefer, [id, userId, PgTypes.jsonb(settings)])
    if (rows.length === 0) return yield* new NotFound({ what: "member" })
  })

  const recentSends = (id: ConversationId, since: number) =>
    Effect.map(
      query<{ readonly sender_id: UserId; readonly sent_at: Date; readonly client_random: number }>(
        "recentSends",
        statements.recentSends,
        [id, PgTypes.timestamptz(since)]
      ),
      (rows) =>
        new Map<UserId, RecentSend>(
          rows.map((row) => [row.sender_id, { at: row.sent_at.getTime(), clientRandom: row.client_random }])
        )
    )

  const update = Effect.fnUntraced(function* (id: ConversationId, metadata: Metadata, at: number) {
    const rows = yield* query("update", statements.update, [
      id,
      PgTypes.jsonb(metadata),
      PgTypes.timestamptz(at)
    ])
    if (rows.length === 0) return yield* new NotFound({ what: "conversation" })
  })

  const store = ConversationStore.of({
    create,
    load,
    lastSeq: (id) => Effect.request(LastSeq({ id }), lastSeqs),
    listOf,
    stats,
    idsOf: (userId) => Effect.request(IdsOf({ userId }), resolver),
    sharing,
    addMembers,
    removeMember,
    changeRole,
    membersOf,
    close,
    clear,
    configure,
    prefer,
    recentSends,
    update,
    advance: watermarks.offer
  })
  return Context.make(ConversationStore, store).pipe(
    Context.add(WatermarkLoop, WatermarkLoop.of({ run: watermarks.run })),
    Context.add(DeliveryTimesLoop, DeliveryTimesLoop.of({ run: watermarks.runTimes }))
  )
})

export const layer = (options: Watermarks.WatermarkOptions) => Layer.effectContext(make(options))
