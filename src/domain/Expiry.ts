/**
 * When a message is over, and what is seen of it then. From that moment on nobody reads it, however long the deletion
 * itself takes: a message that is over is its own tombstone. Pure.
 */
import type { Message } from "./Message.ts"

/** How long a sender may let a message live at the most, in seconds: a year. */
export const MAX_EXPIRES_IN = 365 * 24 * 60 * 60

export const isOver = ({ expires_at }: Pick<Message, "expires_at">, now: number): boolean =>
  expires_at !== null && Date.parse(expires_at) <= now

/** The message as it is to be seen at this moment. */
export const asOf = (message: Message, now: number): Message =>
  message.is_deleted || !isOver(message, now)
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
