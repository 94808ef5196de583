/** What is one's own across conversations, served by the application services. */
import { Effect, Redacted } from "effect"
import { Reports } from "../../../actors/conversation/Reports.ts"
import { UserPresence } from "../../../actors/presence/UserPresence.ts"
import { SignIns } from "../../../actors/session/SignIns.ts"
import { Drafts } from "../../../actors/user/Drafts.ts"
import { Me } from "../../../actors/user/Me.ts"
import { DEFAULT_PAGE } from "../../../domain/Commands.ts"
import { ConnectTickets } from "../../../domain/ports/ConnectTickets.ts"
import * as Rpcs from "../../../rpc/MeRpcs.ts"
import { connectedDevice, connectedSession } from "../../Views.ts"
import { answer } from "../Answer.ts"

export const layer = Rpcs.MeRpcs.toLayer(
  Effect.gen(function* () {
    const me = yield* Me
    const drafts = yield* Drafts
    const presence = yield* UserPresence
    const signIns = yield* SignIns
    const tickets = yield* ConnectTickets
    const reports = yield* Reports

    return Rpcs.MeRpcs.of({
      myStatus: answer(Rpcs.myStatus, ({ identity }) =>
        Effect.map(me.status(identity), (status) => ({ user_id: identity.userId, ...status }))
      ),
      unread: answer(Rpcs.unread, ({ identity }) => me.unread(identity)),
      markAllRead: answer(Rpcs.markAllRead, (caller, { conversation_ids }) =>
        Effect.map(me.markAllRead(caller, conversation_ids), (positions) => ({ positions }))
      ),
      preferences: answer(Rpcs.preferences, ({ identity }) => me.preferences(identity)),
      updatePreferences: answer(Rpcs.updatePreferences, ({ identity }, changes) =>
        me.updatePreferences(identity, changes)
      ),
      presence: answer(Rpcs.presence, ({ identity }, { user_ids }) => presence.of(identity, user_ids)),
      listDrafts: answer(Rpcs.listDrafts, ({ identity }, { cursor, limit = DEFAULT_PAGE }) =>
        Effect.map(drafts.list(identity, { cursor, limit }), ({ items, nextCursor }) => ({
          items,
          next_cursor: nextCursor
        }))
      ),
      showDraft: answer(Rpcs.showDraft, ({ identity }, { conversation_id }) =>
        drafts.show(identity, conversation_id)
      ),
      saveDraft: answer(Rpcs.saveDraft, ({ identity }, { conversation_id, ...draft }) =>
        drafts.save(identity, conversation_id, draft)
      ),
      removeDraft: answer(Rpcs.removeDraft, ({ identity }, { conversation_id }) =>
        drafts.remove(identity, conversation_id)
      ),
      listSessions: answer(Rpcs.listSessions, ({ identity }) =>
        Effect.map(signIns.sessions(identity), (items) => ({
          items: items.map(connectedSession(identity)),
          next_cursor: null
        }))
      ),
      endSession: answer(Rpcs.endSession, ({ identity }, { session_id }) =>
        signIns.endSession(identity, session_id)
      ),
      endAllSessions: answer(Rpcs.endAllSessions, ({ identity }) => signIns.endAll(identity)),
      listDevices: answer(Rpcs.listDevices, ({ identity }) =>
        Effect.map(signIns.devices(identity), (items) => ({
          items: items.map(connectedDevice(identity)),
          next_cursor: null
        }))
      ),
      endDevice: answer(Rpcs.endDevice, ({ identity }, { device_id }) =>
        signIns.endDevice(identity, device_id)
      ),
      createSocketTicket: answer(Rpcs.createSocketTicket, ({ identity }) =>
        Effect.map(tickets.issue(identity), ({ expiresAt, ticket }) => ({
          ticket: Redacted.value(ticket),
          expires_at: new Date(expiresAt).toISOString()
        }))
      ),
      report: answer(Rpcs.report, ({ identity }, report) => reports.file(identity, report))
    })
  })
)
