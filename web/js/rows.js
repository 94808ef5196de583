/**
 * From a room to the rows of its thread: days, a "new" line, what a resume brought, messages grouped by sender,
 * and at the end what is still on its way. Pure.
 */
import { isOver } from "./expiry.js"
import { mentionsIn } from "./mentions.js"
import { rightsIn } from "./rights.js"
import { nameOf } from "./roster.js"
import { dayName, dayOf } from "./time.js"

const GROUP_WITHIN_MS = 5 * 60_000

/** How far one's own message has come; in a group also who has read it, while not everyone has. */
const standing = (room, seq, others) => ({
  status: room.receipts.statusOf(seq, others),
  readers: room.receipts.readersOf(seq, others).map(nameOf)
})

/** What a message answers to, as much as is known here of it. */
const quoteOf = (room, replyToId) => {
  if (!replyToId) return undefined
  const message = room.timeline.find(replyToId)
  if (message === undefined) return { id: replyToId, name: "", text: "An earlier message" }
  return {
    id: replyToId,
    name: nameOf(message.sender_id),
    text: (isOver(message) ? null : message.content) ?? "This message was deleted"
  }
}

const reactionsOf = (room, { reactions = [] }) =>
  reactions.map(({ reaction, user_ids: userIds }) => ({
    reaction,
    count: userIds.length,
    isOwn: userIds.includes(room.self),
    names: userIds.map(nameOf).join(", ")
  }))

const stored = (room, others, rights) => (message) => ({
  kind: "message",
  // The same key before and after the acknowledgement, so that the bubble stays the same bubble.
  key: `${message.sender_id}:${message.client_random}`,
  senderId: message.sender_id,
  content: message.content,
  isDeleted: message.is_deleted,
  editCount: message.edit_count ?? 0,
  isPinned: message.is_pinned === true,
  mayPin: rights.pin && !message.is_deleted,
  mayModerate: rights.moderate,
  mentions: mentionsIn(message),
  isMentioned: mentionsIn(message).includes(room.self),
  attachments: message.attachments ?? [],
  expiresAt: message.expires_at ? Date.parse(message.expires_at) : undefined,
  quote: quoteOf(room, message.reply_to_id),
  reactions: reactionsOf(room, message),
  message,
  time: Date.parse(message.sent_at),
  seq: message.seq,
  ...(message.sender_id === room.self ? standing(room, message.seq, others) : {})
})

const underway = (room) => (entry) => ({
  kind: "message",
  key: `${room.self}:${entry.clientRandom}`,
  senderId: room.self,
  content: entry.content,
  isDeleted: false,
  editCount: 0,
  mentions: mentionsIn(entry),
  attachments: [],
  quote: quoteOf(room, entry.replyToId),
  reactions: [],
  time: entry.writtenAt,
  status: entry.state,
  readers: [],
  refusal: entry.refusal,
  entry
})

const belongTogether = (a, b) =>
  a?.kind === "message" &&
  b?.kind === "message" &&
  a.senderId === b.senderId &&
  Math.abs(b.time - a.time) < GROUP_WITHIN_MS

const caughtUpText = (count) =>
  count === 1 ? "Back online · 1 message caught up" : `Back online · ${count} messages caught up`

const withDividers = (room, messages) => {
  const rows = []
  let day
  for (const message of messages) {
    const today = dayOf(message.time)
    if (today !== day) rows.push({ kind: "divider", key: `day:${today}`, text: dayName(message.time) })
    day = today
    if (room.caughtUp !== undefined && message.seq === room.caughtUp.firstSeq) {
      rows.push({ kind: "divider", key: "caught-up", tone: "good", text: caughtUpText(room.caughtUp.count) })
    }
    if (message.seq !== undefined && message.seq === room.newFrom) {
      rows.push({ kind: "divider", key: "new", tone: "accent", text: "New" })
    }
    rows.push(message)
  }
  return rows
}

/** `entry`: the conversation in the inbox; `others`: its members besides oneself, whose receipts count. */
export const rowsOf = (room, entry, others) => {
  const present = room.timeline.messages.filter((message) => !isOver(message))
  const messages = [
    ...present.map(stored(room, others, rightsIn(entry))),
    ...room.unacknowledged.map(underway(room))
  ]
  const rows = withDividers(room, messages)
  return rows.map((row, index) =>
    row.kind !== "message"
      ? row
      : {
          ...row,
          senderName: nameOf(row.senderId),
          isOwn: row.senderId === room.self,
          showSender: others.length > 1 && row.senderId !== room.self,
          isFirst: !belongTogether(rows[index - 1], row),
          isLast: !belongTogether(row, rows[index + 1])
        }
  )
}
