/** The entity tag of a conversation: of what can be changed of it, and not of what is said in it. */
import { hash } from "node:crypto"
import type { ConversationView } from "../../domain/Conversation.ts"

/** Storage may keep the keys of an object in another order than they came in. */
const sorted = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** With its quotes. */
export const tagOf = ({ metadata, settings }: ConversationView): string =>
  `"${hash("sha256", JSON.stringify([metadata, settings], sorted), "base64url").slice(0, 22)}"`
