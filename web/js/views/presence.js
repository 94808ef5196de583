/** Presence and typing in words. */
import { nameOf } from "../roster.js"
import { moment } from "../time.js"

/**
 * "online", "away" or "offline", over all of a person's devices. Of somebody who is not watched yet it says what the
 * room knows: whether they have this conversation open.
 */
export const presenceOf = (client, userId) => {
  const known = client.presences.of(userId)
  if (known !== undefined) return known.status
  const metas = client.room?.online.get(userId)
  if (metas === undefined) return client.room?.state === "joined" ? "offline" : undefined
  return metas.some((meta) => meta.status === "online") ? "online" : "away"
}

const words = { online: "Online", away: "Away", offline: "Offline" }

/** "Online", "Away", "Last seen 14:05", "Offline"; and whether that is certain. */
export const standingText = (client, userId) => {
  const status = presenceOf(client, userId)
  const { last_seen: lastSeen, stale } = client.presences.of(userId) ?? {}
  const text = status === "offline" && lastSeen ? `Last seen ${moment(Date.parse(lastSeen))}` : words[status]
  return stale && text !== undefined ? `${text}, as far as is known` : (text ?? "")
}

/** Under the title of a conversation, while nobody types. */
export const presenceText = (client, entry, others) => {
  const { room } = client
  if (room.state !== "joined") return room.state === "joining" ? "Waiting for the connection" : ""
  if (entry.type === "direct") return standingText(client, others[0])
  const there = others.filter((id) => ["online", "away"].includes(presenceOf(client, id)))
  return `${entry.memberIds.length} members, ${there.length + 1} online`
}

export const typingText = (room) => {
  const names = room.typing.userIds.map(nameOf)
  if (names.length === 0) return ""
  if (names.length > 2) return "Several people are typing…"
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`
}
