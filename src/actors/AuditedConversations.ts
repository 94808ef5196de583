/**
 * `Conversations` with a record of messages that are deleted by somebody else than their sender. Who is let in or out,
 * and whose role is changed, the conversation's actor puts on record itself.
 */
import { Effect, Layer, Option } from "effect"
import type { ConversationId, UserId } from "../domain/Ids.ts"
import { AuditLog, type AuditTarget } from "../domain/ports/AuditLog.ts"
import { Conversations } from "./Conversations.ts"

const conversation = (id: ConversationId): AuditTarget => ({ type: "conversation", id })
const user = (id: UserId): AuditTarget => ({ type: "user", id })

/** Needs the Conversations that it stands before. */
export const layer = Layer.effect(
  Conversations,
  Effect.gen(function* () {
    const inner = yield* Conversations
    const { note } = yield* AuditLog

    return Conversations.of({
      ...inner,

      change: Effect.fnUntraced(function* (caller, id, messageId, change) {
        if (change.kind !== "delete") return yield* inner.change(caller, id, messageId, change)
        const by = caller.identity.userId
        const found = yield* Effect.option(inner.message(caller.identity, id, messageId))
        const changing = yield* inner.change(caller, id, messageId, change)
        if (Option.isNone(found) || found.value.sender_id === by) return changing
        const targets = [
          conversation(id),
          { type: "message", id: messageId } as const,
          user(found.value.sender_id)
        ]
        return Effect.tap(changing, ({ changed }) =>
          Effect.sync(() => {
            if (changed) note({ action: "message.deleted", outcome: "done", actor: by, targets })
          })
        )
      })
    })
  })
)
