/**
 * Channel topics: `user:{userId}` and `conversation:{conversationId}`. Only canonical ids are topics, so that
 * one conversation has one topic string and one encoded frame serves all its subscribers.
 */
import type { ConversationId, UserId } from "./Ids.ts"
import { isCanonicalUuid } from "./Ids.ts"

export type Topic =
  | { readonly kind: "user"; readonly userId: UserId }
  | { readonly kind: "conversation"; readonly conversationId: ConversationId }

/** What a topic names, or `undefined` when we serve no such topic. */
export const parse = (topic: string): Topic | undefined => {
  const colon = topic.indexOf(":")
  const id = topic.slice(colon + 1)
  if (colon < 0 || !isCanonicalUuid(id)) return undefined
  switch (topic.slice(0, colon)) {
    case "user":
      return { kind: "user", userId: id as UserId }
    case "conversation":
      return { kind: "conversation", conversationId: id as ConversationId }
    default:
      return undefined
  }
}

export const ofUser = (id: UserId): string => `user:${id}`

const USER = "user:"
const PRESENCE = "presence:"

/**
 * Where nodes with people who watch a user hear of that user's connections. Not the user's own topic: whoever subscribes
 * to that says that the user is connected there. Nobody can join it.
 */
export const ofPresence = (id: UserId): string => PRESENCE + id

/** The topic on which those hear of the presence on this one who are not on it, if there may be any. */
export const watchedOn = (topic: string): string | undefined =>
  topic.startsWith(USER) ? PRESENCE + topic.slice(USER.length) : undefined

/** The topic of whose presence this one tells: itself, or the one that is watched there. */
export const shownOn = (topic: string): string =>
  topic.startsWith(PRESENCE) ? USER + topic.slice(PRESENCE.length) : topic

export const ofConversation = (id: ConversationId): string => `conversation:${id}`
