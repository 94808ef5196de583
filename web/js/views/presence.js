/** Presence and typing in words. */
import { nameOf } from "../roster.js"

/** "online", "away" or "offline"; a person is online when any of their devices is. */
export const presenceOf = (room, userId) => {
  const metas = room.online.get(userId)
  if (metas === undefined) return "offline"
  return metas.some((meta) => meta.status === "online") ? "online" : "away"
}

const words = { online: "Online", away: "Away", offline: "Offline" }

/** Under the title of a conversation, while nobody types. */
export const presenceText = (room, entry, others) => {
  if (room.state !== "joined") return room.state === "joining" ? "Waiting for the connection" : ""
  if (entry.type === "direct") return words[presenceOf(room, others[0])]
  const online = entry.memberIds.filter((id) => room.online.has(id)).length
  return `${entry.memberIds.length} members, ${online} online`
}

export const typingText = (room) => {
  const names = room.typing.userIds.map(nameOf)
  if (names.length === 0) return ""
  if (names.length > 2) return "Several people are typing…"
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`
}
