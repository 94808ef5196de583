/**
 * A message in the shape and size the service delivers, for the servers it is compared with: the same bytes
 * leave every one of them.
 */
import { randomUUID } from "node:crypto"

const SENDER = randomUUID()

/** `topic` is `conversation:{id}`. */
export const message = (topic: string, seq: number, content: string, clientRandom: number) => ({
  id: randomUUID(),
  conversation_id: topic.slice(topic.indexOf(":") + 1),
  seq,
  version_seq: seq,
  sender_id: SENDER,
  reply_to_id: null,
  message_type: "text",
  content,
  metadata: {},
  client_random: clientRandom,
  sent_at: new Date().toISOString(),
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: []
})
