/** Conversations, the settings of each, and its members, served by the application service. */
import { Effect } from "effect"
import { Conversations } from "../../../actors/conversation/Conversations.ts"
import { Statuses } from "../../../actors/conversation/Statuses.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import * as Rpcs from "../../../rpc/ConversationRpcs.ts"
import * as MemberCursor from "../../rest/MemberCursor.ts"
import { conversationPage } from "../../Views.ts"
import { answer } from "../Answer.ts"

export const layer = Rpcs.ConversationRpcs.toLayer(
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const statuses = yield* Statuses

    return Rpcs.ConversationRpcs.of({
      listConversations: answer(
        Rpcs.listConversations,
        ({ identity }, { archived, cursor, limit = DEFAULT_PAGE }) =>
          Effect.map(conversations.list(identity, { archived, cursor, limit }), conversationPage)
      ),
      searchConversations: answer(
        Rpcs.searchConversations,
        ({ identity }, { cursor, limit = DEFAULT_PAGE, member_id, q }) =>
          Effect.map(
            conversations.find(identity, { text: q, memberId: member_id, cursor, limit }),
            conversationPage
          )
      ),
      createConversation: answer(Rpcs.createConversation, ({ identity }, input) =>
        conversations.create(identity, input)
      ),
      showConversation: answer(Rpcs.showConversation, ({ identity }, { conversation_id }) =>
        conversations.show(identity, conversation_id)
      ),
      conversationStatus: answer(Rpcs.conversationStatus, ({ identity }, { conversation_id, metrics = [] }) =>
        statuses.conversation(identity, conversation_id, metrics)
      ),
      updateConversation: answer(Rpcs.updateConversation, ({ identity }, { conversation_id, metadata }) =>
        conversations.update(identity, conversation_id, metadata)
      ),
      configureConversation: answer(
        Rpcs.configureConversation,
        ({ identity }, { conversation_id, settings }) =>
          conversations.configure(identity, conversation_id, settings)
      ),
      deleteConversation: answer(
        Rpcs.deleteConversation,
        Effect.fnUntraced(function* (caller, { conversation_id: id, scope }) {
          const isOwn =
            scope === undefined
              ? (yield* conversations.show(caller.identity, id)).type === "direct"
              : scope === "me"
          yield* isOwn ? conversations.clear(caller, id) : conversations.close(caller.identity, id)
        })
      ),
      leaveConversation: answer(Rpcs.leaveConversation, ({ identity }, { conversation_id }) =>
        conversations.removeMember(identity, conversation_id, identity.userId)
      ),
      mySettings: answer(Rpcs.mySettings, ({ identity }, { conversation_id }) =>
        conversations.mySettings(identity, conversation_id)
      ),
      updateMySettings: answer(Rpcs.updateMySettings, (caller, { conversation_id, settings }) =>
        conversations.updateMySettings(caller, conversation_id, settings)
      ),
      markAsRead: answer(Rpcs.markAsRead, (caller, { conversation_id, ...upTo }) =>
        conversations.markRead(caller, conversation_id, upTo)
      ),
      markAsDelivered: answer(Rpcs.markAsDelivered, (caller, { conversation_id, ...upTo }) =>
        conversations.markDelivered(caller, conversation_id, upTo)
      ),
      typing: answer(Rpcs.typing, (caller, { action, conversation_id }) =>
        conversations.typing(caller, conversation_id, action)
      ),
      listMembers: answer(
        Rpcs.listMembers,
        Effect.fnUntraced(function* ({ identity }, { conversation_id, cursor, limit = DEFAULT_PAGE }) {
          const after = yield* Effect.fromResult(MemberCursor.decode(cursor))
          const page = yield* conversations.members(identity, conversation_id, { after, limit })
          return { items: page.items, next_cursor: MemberCursor.next(page.items, page.hasMore) }
        })
      ),
      addMembers: answer(Rpcs.addMembers, ({ identity }, { conversation_id, ...input }) =>
        conversations.addMembers(identity, conversation_id, input)
      ),
      changeRole: answer(Rpcs.changeRole, ({ identity }, { conversation_id, role, user_id }) =>
        conversations.changeRole(identity, conversation_id, user_id, role)
      ),
      removeMember: answer(Rpcs.removeMember, ({ identity }, { conversation_id, user_id }) =>
        conversations.removeMember(identity, conversation_id, user_id)
      )
    })
  })
)
