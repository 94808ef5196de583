/**
 * `Conversations` with a record of what people do to other people in them: who is let in or out, whose role is changed, whose message
 * is deleted by somebody else. What is refused, and what people do to what is their own, is not on record.
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

      addMembers: (caller, id, input) =>
        Effect.tap(inner.addMembers(caller, id, input), (added) =>
          Effect.sync(() => {
            if (added.length === 0) return
            const targets = [conversation(id), ...added.map((member) => user(member.user_id))]
            const details = { role: input.role ?? "member" }
            note({ action: "member.added", outcome: "done", actor: caller.userId, targets, details })
          })
        ),

      removeMember: (caller, id, userId) =>
        Effect.tap(inner.removeMember(caller, id, userId), () =>
          Effect.sync(() => {
            const targets = [conversation(id), user(userId)]
            const details = { left: userId === caller.userId }
            note({ action: "member.removed", outcome: "done", actor: caller.userId, targets, details })
          })
        ),

      changeRole: (caller, id, userId, role) =>
        Effect.tap(inner.changeRole(caller, id, userId, role), () =>
          Effect.sync(() => {
            const targets = [conversation(id), user(userId)]
            note({
              action: "member.role_changed",
              outcome: "done",
              actor: caller.userId,
              targets,
              details: { role }
            })
          })
        ),

      close: (caller, id) =>
        Effect.tap(inner.close(caller, id), () =>
          Effect.sync(() =>
            note({
              action: "conversation.deleted",
              outcome: "done",
              actor: caller.userId,
              targets: [conversation(id)]
            })
          )
        ),

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
