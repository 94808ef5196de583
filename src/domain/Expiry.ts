/**
 * When a message is over, and what is seen of it then. From that moment on nobody reads it, however long the deletion
 * itself takes: a message that is over is its own tombstone. Pure.
 */
import type { Message } from "./Message.ts"

/** How long a sender may let a message live at the most, in seconds: a year. */
export const MAX_EXPIRES_IN = 365 * 24 * 60 * 60

/** `retention`: how long the conversation keeps messages, in ms; null for ever. */
export const isOver = (
  { expires_at, sent_at }: Pick<Message, "expires_at" | "sent_at">,
  now: number,
  retention: number | null
): boolean =>
  (expires_at !== null && Date.parse(expires_at) <= now) ||
  (retention !== null && Date.parse(sent_at) + retention <= now)

/** The message as it is to be seen at this moment. */
export const asOf = (message: Message, now: number, retention: number | null): Message =>
  message.is_deleted || !isOver(message, now, retention)
    ? message
    : {
        ...message,
        content: null,
        metadata: {},
        is_deleted: true,
        is_pinned: false,
        reactions: [],
        attachments: []
      }
