/** The reads that must not grow with the data, as the service makes them, over what `fill` has made. */
import { PgTypes } from "@effect/sql-pg"
import { uuids } from "../../src/layers/database/SqlArrays.ts"
import * as conversations from "../../src/layers/stores/ConversationSql.ts"
import * as messages from "../../src/layers/stores/MessageSql.ts"
import { listSql as draftsSql } from "../../src/layers/stores/PgDraftStore.ts"
import { readSql as seenSql } from "../../src/layers/stores/PgLastSeenStore.ts"
import { afterSql, dueSql } from "../../src/layers/stores/PgRetentionStore.ts"
import { listSql as schedulesSql, takeSql } from "../../src/layers/stores/PgScheduleStore.ts"
import { recipientsSql } from "../../src/layers/stores/PgStatusStore.ts"
import { backlogSql, changedSql, unreadSql } from "../../src/layers/stores/PgSyncStore.ts"
import { longConversation as id, messageIn, reader, userIn } from "./fill.ts"

export interface Read {
  readonly name: string
  readonly text: string
  readonly parameters: ReadonlyArray<unknown>
  /** The indexes that it goes by; there may be others beside them. */
  readonly indexes: ReadonlyArray<string>
}

const PAGE = 50
const BYTES = 1024 * 1024
const nowhere = [PgTypes.float8(null), PgTypes.uuid(null)]
const time = (text: string) => PgTypes.timestamptz(Date.parse(text))

/** `size`: messages of the long conversation. */
export const reads = (size: number): ReadonlyArray<Read> => {
  const now = time("2025-01-01T00:00:00Z")
  const middle = Math.floor(size / 2)
  const found = (text: string, conversation: string | null) => [
    ...[reader, PAGE, BYTES, text, PgTypes.uuid(conversation), now],
    ...nowhere
  ]
  const page = [id, PAGE, BYTES]
  return [
    { name: "history, newest", text: messages.newest, parameters: page, indexes: ["messages_seq_unique"] },
    {
      name: "history, from the middle",
      text: messages.before,
      parameters: [...page, middle],
      indexes: ["messages_seq_unique"]
    },
    {
      name: "history, without what is hidden",
      text: messages.visible.after,
      parameters: [...page, middle, reader, 0],
      indexes: ["messages_seq_unique"]
    },
    {
      name: "catch-up",
      text: messages.catchUp,
      parameters: [...page, size - PAGE],
      indexes: ["messages_version_seq"]
    },
    {
      name: "catch-up, without what is hidden or cleared",
      text: messages.visible.catchUp,
      parameters: [...page, size - PAGE, reader, 0],
      indexes: ["messages_version_seq"]
    },
    {
      name: "history, newest, without what is hidden or cleared",
      text: messages.visible.newest,
      parameters: [...page, reader, 0],
      indexes: ["messages_seq_unique"]
    },
    { name: "one message", text: messages.get, parameters: [messageIn(middle)], indexes: ["messages_pkey"] },
    {
      name: "conversation list, with what is unread",
      text: conversations.list,
      parameters: [
        reader,
        PgTypes.int4(null),
        ...nowhere,
        PAGE,
        now,
        PgTypes.bool(null),
        null,
        PgTypes.uuid(null)
      ],
      indexes: ["conversation_members_user", "messages_seq_unique", "message_mentions_pkey"]
    },
    {
      name: "what is unread, in all of one's conversations",
      text: unreadSql,
      parameters: [reader, PAGE, now],
      indexes: ["conversation_members_user", "conversations_pkey", "messages_seq_unique"]
    },
    {
      name: "what a device that was away has missed",
      text: backlogSql,
      parameters: [reader, PgTypes.float8(0), uuids([]), PAGE, PAGE, PgTypes.bool(true)],
      indexes: ["conversation_members_user", "conversations_pkey", "messages_version_seq"]
    },
    {
      name: "which of one's conversations have changed",
      text: changedSql,
      parameters: [reader, PgTypes.float8(0), PAGE],
      indexes: ["conversation_members_left", "conversation_members_user", "conversations_pkey"]
    },
    {
      name: "attachments",
      text: messages.attachments,
      parameters: [id, PAGE, PgTypes.float8(middle), PgTypes.int4(0), now],
      indexes: ["message_attachments_newest"]
    },
    {
      name: "search of a conversation, a rare word",
      text: messages.search,
      parameters: found(`rare${middle}`, id),
      indexes: ["messages_search"]
    },
    {
      name: "search of everything, a rare word",
      text: messages.search,
      parameters: found(`rare${middle}`, null),
      indexes: ["messages_search"]
    },
    {
      name: "search of everything, two words",
      text: messages.search,
      parameters: found("word3 word500", null),
      indexes: ["messages_search"]
    },
    {
      name: "messages that are over",
      text: messages.expired,
      parameters: [time("2030-01-01T01:00:00Z"), 500],
      indexes: ["messages_expires_at"]
    },
    {
      name: "conversations whose retention is due",
      text: dueSql,
      parameters: [now, 500],
      indexes: ["conversation_settings_retain_at"]
    },
    {
      name: "one step of retention",
      text: afterSql,
      parameters: [id, middle, 500],
      indexes: ["messages_seq_unique"]
    },
    {
      name: "scheduled messages that are due",
      text: takeSql,
      parameters: [time("2030-01-01T00:02:00Z"), time("2030-01-01T00:03:00Z"), 200],
      indexes: ["scheduled_messages_due"]
    },
    {
      name: "one's scheduled messages",
      text: schedulesSql(),
      parameters: [reader, ...nowhere, PAGE],
      indexes: ["scheduled_messages_sender"]
    },
    {
      name: "one's scheduled messages that are still to be sent",
      text: schedulesSql("pending"),
      parameters: [reader, ...nowhere, PAGE],
      indexes: ["scheduled_messages_pending"]
    },
    {
      name: "whom a message has reached",
      text: recipientsSql,
      parameters: [id, messageIn(middle), middle, userIn(1), userIn(1), 200],
      indexes: ["conversation_members_unique", "delivery_statuses_unique", "user_preferences_pkey"]
    },
    {
      name: "with whom one shares a conversation",
      text: conversations.sharing,
      parameters: [reader, uuids([userIn(2), userIn(3)])],
      indexes: ["conversation_members_user", "conversations_pkey"]
    },
    {
      name: "when users were last seen",
      text: seenSql,
      parameters: [uuids([userIn(2), userIn(3)])],
      indexes: ["last_seen_pkey", "user_preferences_pkey"]
    },
    { name: "drafts", text: draftsSql, parameters: [reader, ...nowhere, PAGE], indexes: ["drafts_newest"] }
  ]
}
