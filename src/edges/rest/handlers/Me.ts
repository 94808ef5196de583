/** The `me` resource, served by the application service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Me } from "../../../actors/user/Me.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity, currentCaller } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "me",
  Effect.fnUntraced(function* (handlers) {
    const me = yield* Me
    return handlers.handleAll({
      status: Effect.fn("Rest.me.status")(function* () {
        const caller = yield* CurrentIdentity
        return { user_id: caller.userId, ...(yield* me.status(caller)) }
      }, answerRefusals),

      unread: Effect.fn("Rest.me.unread")(function* () {
        return yield* me.unread(yield* CurrentIdentity)
      }, answerRefusals),

      markAllRead: Effect.fn("Rest.me.markAllRead")(function* ({ payload }) {
        return { positions: yield* me.markAllRead(yield* currentCaller, payload.conversation_ids) }
      }, answerRefusals),

      preferences: Effect.fn("Rest.me.preferences")(function* () {
        return yield* me.preferences(yield* CurrentIdentity)
      }, answerRefusals),

      updatePreferences: Effect.fn("Rest.me.updatePreferences")(function* ({ payload }) {
        return yield* me.updatePreferences(yield* CurrentIdentity, payload)
      }, answerRefusals)
    })
  })
)
