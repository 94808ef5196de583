/** The stream of a conversation's events, over the session of its connection. */
import { Effect, Stream } from "effect"
import * as ConversationStream from "../../../actors/conversation/ConversationStream.ts"
import type { OutboxLimits } from "../../../actors/session/Outbox.ts"
import { decoder } from "../../../domain/Decode.ts"
import { Overloaded } from "../../../domain/Errors.ts"
import { EventRpcs, FollowConversation } from "../../../rpc/EventRpcs.ts"
import { Connection } from "../Connection.ts"

const decode = decoder(FollowConversation)
const tooMany = new Overloaded({ what: "streams" })

export const layer = (limits: OutboxLimits) =>
  EventRpcs.toLayer(
    Effect.gen(function* () {
      const follow = yield* ConversationStream.make(limits)
      return EventRpcs.of({
        conversationEvents: (payload) =>
          Stream.unwrap(
            Effect.gen(function* () {
              const { conversation_id, last_seq } = yield* Effect.fromResult(decode(payload))
              const { host } = yield* Connection
              return follow(yield* host, conversation_id, last_seq, tooMany)
            })
          )
      })
    })
  )
