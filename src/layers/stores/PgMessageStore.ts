/**
 * Reading messages: every read takes one page from an index on `messages`, then gathers what hangs on that page.
 * Owns the SQL and the way from a row to a `Message`. Writing is `PgMessageWriter`'s.
 */

import { PgTypes } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Conflict } from "../../domain/Errors.ts"
import type { MediaId, MessageId, UserId } from "../../domain/Ids.ts"
import type { MediaType, Message, Metadata } from "../../domain/Message.ts"
import {
  MessageStore,
  type Page,
  type PlacedAttachment,
  type Viewer
} from "../../domain/ports/MessageStore.ts"
import { Database } from "../database/Database.ts"
import * as ConversationCursor from "./ConversationCursor.ts"
import { messageOf, type Row } from "./MessageRow.ts"
import * as statements from "./MessageSql.ts"

export interface MessageStoreOptions {
  /** Bytes of messages in one page; past it the page ends. */
  readonly maxPageBytes: number
}

interface PageRow extends Row {
  /** Messages that the limit would have let in, and the one after them. */
  readonly found: number
}

interface AttachmentRow {
  readonly id: string
  readonly media_id: MediaId
  readonly media_type: MediaType
  readonly metadata: Metadata
  readonly message_id: MessageId
  readonly seq: number
  readonly position: number
  readonly sender_id: UserId
  readonly sent_at: Date
}

interface PinRow extends Row {
  readonly pinned_by: UserId
  readonly pinned_at: Date
}

const pageOf = (rows: ReadonlyArray<PageRow>): Page<Message> => ({
  items: rows.map(messageOf),
  hasMore: rows.length < (rows[0]?.found ?? 0)
})

const placedOf = (row: AttachmentRow): PlacedAttachment => ({
  attachment: { id: row.id, media_id: row.media_id, media_type: row.media_type, metadata: row.metadata },
  messageId: row.message_id,
  seq: row.seq,
  position: row.position,
  senderId: row.sender_id,
  sentAt: row.sent_at.getTime()
})

const make = Effect.fnUntraced(function* ({ maxPageBytes }: MessageStoreOptions) {
  const sql = yield* SqlClient
  const database = yield* Database

  const read = (what: string, text: string, params: ReadonlyArray<unknown>) =>
    Effect.map(database.run(what, sql.unsafe<PageRow>(text, params)), pageOf)

  /** The statements for a viewer, and what they take more. */
  const as = (viewer: Viewer | undefined) =>
    viewer === undefined
      ? ([statements, []] as const)
      : ([statements.visible, [viewer.userId, PgTypes.float8(viewer.clearedSeq)]] as const)

  return MessageStore.of({
    catchUp: (id, afterSeq, limit, viewer) => {
      const [{ catchUp }, more] = as(viewer)
      return read("MessageStore.catchUp", catchUp, [id, limit, maxPageBytes, afterSeq, ...more])
    },
    before: (id, beforeSeq, limit, viewer) => {
      const [{ before, newest }, more] = as(viewer)
      return beforeSeq === undefined
        ? read("MessageStore.newest", newest, [id, limit, maxPageBytes, ...more])
        : read("MessageStore.before", before, [id, limit, maxPageBytes, beforeSeq, ...more])
    },
    after: (id, afterSeq, limit, viewer) => {
      const [{ after }, more] = as(viewer)
      return read("MessageStore.after", after, [id, limit, maxPageBytes, afterSeq, ...more])
    },
    get: (id, viewer) => {
      const [{ get }, more] = as(viewer)
      return Effect.map(
        database.run("MessageStore.get", sql.unsafe<Row>(get, [id, ...more])),
        ([row]) => row && messageOf(row)
      )
    },
    pins: (id, viewer) => {
      const [{ pins }, more] = as(viewer)
      return Effect.map(database.run("MessageStore.pins", sql.unsafe<PinRow>(pins, [id, ...more])), (rows) =>
        rows.map((row) => ({
          message: messageOf(row),
          pinnedBy: row.pinned_by,
          pinnedAt: row.pinned_at.getTime()
        }))
      )
    },
    search: Effect.fnUntraced(function* ({ at, conversationId, cursor, limit, text, userId }) {
      const after = cursor === undefined ? undefined : ConversationCursor.decode(cursor)
      if (cursor !== undefined && after === undefined) return yield* new Conflict({ what: "cursor" })
      const { hasMore, items } = yield* read("MessageStore.search", statements.search, [
        userId,
        limit,
        maxPageBytes,
        text,
        PgTypes.uuid(conversationId ?? null),
        PgTypes.timestamptz(at),
        PgTypes.float8(after?.updatedAt ?? null),
        PgTypes.uuid(after?.id ?? null)
      ])
      const last = items.at(-1)
      const nextCursor =
        hasMore && last !== undefined
          ? ConversationCursor.encode({ updatedAt: Date.parse(last.sent_at) * 1000, id: last.id })
          : null
      return { items, nextCursor }
    }),
    expired: (at, limit) =>
      Effect.map(
        database.run(
          "MessageStore.expired",
          sql.unsafe<Row>(statements.expired, [PgTypes.timestamptz(at), limit])
        ),
        (rows) => rows.map(messageOf)
      ),
    attachments: (id, before, limit, at, viewer) => {
      const [{ attachments }, more] = as(viewer)
      const place = [PgTypes.float8(before?.seq ?? null), PgTypes.int4(before?.position ?? null)]
      const query = sql.unsafe<AttachmentRow>(attachments, [
        id,
        limit + 1,
        ...place,
        PgTypes.timestamptz(at),
        ...more
      ])
      return Effect.map(database.run("MessageStore.attachments", query), (rows) => ({
        items: rows.slice(0, limit).map(placedOf),
        hasMore: rows.length > limit
      }))
    },
    hiddenSince: (id, viewer, fromSeq, limit) =>
      Effect.map(
        database.run(
          "MessageStore.hiddenSince",
          sql.unsafe<{ readonly message_id: MessageId }>(statements.hiddenSince, [viewer, id, fromSeq, limit])
        ),
        (rows) => rows.map((row) => row.message_id)
      )
  })
})

export const layer = (options: MessageStoreOptions) => Layer.effect(MessageStore, make(options))
