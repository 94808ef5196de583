/**
 * From a room to the rows of its thread: days, a "new" line, what a resume brought, messages grouped by sender,
 * and at the end what is still on its way. Pure.
 */
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
  if (message === undefined) return { name: "", text: "An earlier message" }
  return { name: nameOf(message.sender_id), text: message.content ?? "This message was deleted" }
}

const reactionsOf = (room, { reactions = [] }) =>
  reactions.map(({ reaction, user_ids: userIds }) => ({
    reaction,
    count: userIds.length,
    isOwn: userIds.includes(room.self),
    names: userIds.map(nameOf).join(", ")
  }))

const stored = (room, others) => (message) => ({
  kind: "message",
  // The same key before and after the acknowledgement, so that the bubble stays the same bubble.
  key: `${message.sender_id}:${message.client_random}`,
  senderId: message.sender_id,
  content: message.content,
  isDeleted: message.is_deleted,
  isEdited: Boolean(message.edited_at),
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
  isEdited: false,
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

/** `others`: the members besides oneself, whose receipts count. */
export const rowsOf = (room, others) => {
  const messages = [
    ...room.timeline.messages.map(stored(room, others)),
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
