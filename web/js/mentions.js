/** Mentions: `@Name` in a text, and the user ids that travel in `metadata.mentions`. Pure. */
import { nameOf } from "./roster.js"

export const mentionsIn = (message) => message.metadata?.mentions ?? []

/** Who of `userIds` is mentioned in a text. */
export const mentionedIn = (text, userIds) => {
  const words = partsOf(text, userIds)
  return userIds.filter((id) => words.some((part) => part.userId === id))
}

/** The metadata of a message with this text. */
export const metadataFor = (text, userIds, metadata = {}) => {
  const { mentions: _, ...rest } = metadata
  const mentions = mentionedIn(text, userIds)
  return mentions.length === 0 ? rest : { ...rest, mentions }
}

/** A text in parts, `{text, userId?}`; with two names that begin alike, the longer one is meant. */
export const partsOf = (text, userIds) => {
  const known = userIds
    .map((userId) => ({ userId, words: `@${nameOf(userId)}` }))
    .sort((a, b) => b.words.length - a.words.length)
  const parts = []
  let plain = ""
  for (let at = 0; at < text.length; ) {
    const found = text[at] === "@" ? known.find(({ words }) => text.startsWith(words, at)) : undefined
    if (found === undefined) {
      plain += text[at++]
      continue
    }
    parts.push({ text: plain }, { text: found.words, userId: found.userId })
    plain = ""
    at += found.words.length
  }
  return [...parts, { text: plain }].filter((part) => part.text !== "")
}

/** What stands between an `@` and the cursor, while somebody is being named: `{from, query}`. */
export const namingAt = (text, cursor) => {
  const from = text.lastIndexOf("@", cursor - 1)
  if (from < 0 || (from > 0 && !/\s/.test(text[from - 1]))) return undefined
  const query = text.slice(from + 1, cursor)
  return query.includes("\n") || query.length > 40 ? undefined : { from, query }
}
