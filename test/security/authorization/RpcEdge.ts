/** Typed RPC: every operation whose input names a conversation, and the stream of its events. */
import { Effect, Stream } from "effect"
import type { MessagingClient } from "../../../src/client/MessagingClient.ts"
import type { Refusal } from "../../../src/domain/Errors.ts"
import type { Action } from "../../../src/domain/Policy.ts"
import { toWire } from "../../../src/domain/Refusal.ts"
import * as ConversationRpcs from "../../../src/rpc/ConversationRpcs.ts"
import * as MeRpcs from "../../../src/rpc/MeRpcs.ts"
import * as MessageRpcs from "../../../src/rpc/MessageRpcs.ts"
import { MessagingRpcs } from "../../../src/rpc/MessagingRpcs.ts"
import * as RpcPeople from "../../support/RpcPeople.ts"
import type { Call, Edge, Outcome } from "./Edge.ts"
import { type Actor, clientRandom, type Place } from "./Places.ts"

type Client = MessagingClient["Service"]
type Tag = Exclude<keyof Client, "follow">
type More = Partial<Pick<Call, "after" | "limited" | "isSoInDirect" | "refusal" | "isSpending">>

const outcomes = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<Outcome> =>
  Effect.match(work, {
    onSuccess: () => "ok",
    onFailure: (error) => {
      const { fields, reason } = toWire(error as Refusal)
      return typeof fields.rule === "string" ? `${reason} ${fields.rule}` : reason
    }
  })

const declared = Object.values({ ...ConversationRpcs, ...MeRpcs, ...MessageRpcs }).filter(
  (it) => "input" in it
)

/** An operation of which nothing says what it takes is not passed over. */
const namesConversation = (tag: string): boolean => {
  const operation = declared.find(({ _tag }) => _tag === tag)
  return operation === undefined || "conversation_id" in operation.input.fields
}

const contract = Array.from(MessagingRpcs.requests.keys()).filter(namesConversation)

export const make = (url: string): Edge => {
  const clients = new Map<string, Client>()
  const clientOf = Effect.fnUntraced(function* (actor: Actor) {
    const known = clients.get(actor.userId) ?? (yield* RpcPeople.client({ url }, actor, "http"))
    clients.set(actor.userId, known)
    return known
  })

  const call = (
    action: Action | "own",
    name: Tag,
    input: (actor: Actor, place: Place) => object = () => ({}),
    more: More = {}
  ): Call => ({
    name,
    action,
    ...more,
    perform: (actor, place) =>
      Effect.flatMap(clientOf(actor), (client) => {
        const ask = client[name] as (input: object) => Effect.Effect<unknown, unknown>
        return outcomes(ask({ conversation_id: place.id, ...input(actor, place) }))
      })
  })

  const own = (actor: Actor, place: Place) => ({ message_id: place.ownMessage(actor) })
  const others = (actor: Actor, place: Place) => ({ message_id: place.othersMessage(actor) })
  const someone = (actor: Actor, place: Place) => ({ user_id: place.spare(actor) })
  const message = () => ({ content: "x", client_random: clientRandom() })
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()
  const atOnce = { limited: "at once" } as const
  const asMember = { limited: "as a member" } as const
  const ifAllowed = { limited: "if allowed" } as const
  const spending = { isSpending: true } as const

  const calls: ReadonlyArray<Call> = [
    {
      name: "conversationEvents",
      action: "read",
      ...atOnce,
      perform: (actor, place) =>
        Effect.flatMap(clientOf(actor), (client) => outcomes(Stream.runHead(client.follow(place.id))))
    },
    call("read", "showConversation"),
    call("read", "conversationStatus", undefined, asMember),
    call("read", "listMembers"),
    call("read", "listMessages"),
    call("read", "searchMessages", () => ({ q: "hello" }), atOnce),
    call("read", "showMessage", own),
    call("read", "messageStatus", own),
    call("read", "listPins"),
    call("read", "listAttachments"),
    call("read", "mySettings"),
    call("read", "updateMySettings", () => ({ settings: { muted: true } }), atOnce),
    call("read", "markAsRead", () => ({ seq: 1 })),
    call("read", "markAsDelivered", () => ({ seq: 1 })),
    call("read", "saveDraft", () => ({ content: "x" }), atOnce),
    call("read", "showDraft"),
    call("own", "removeDraft"),
    call("read", "scheduleMessage", () => ({ ...message(), scheduled_for: inAnHour() }), atOnce),
    call("send", "sendMessage", message, atOnce),
    call("send", "typing", () => ({ action: "start" }), atOnce),
    call(
      "change",
      "addReaction",
      (actor, place) => ({ ...others(actor, place), reaction: ":rpc:" }),
      asMember
    ),
    call(
      "change",
      "removeReaction",
      (actor, place) => ({ ...others(actor, place), reaction: ":rpc:" }),
      asMember
    ),
    call("change", "editMessage", (actor, place) => ({ ...own(actor, place), content: "z" }), asMember),
    call(
      "change",
      "addAttachment",
      (actor, place) => ({ ...own(actor, place), media_id: crypto.randomUUID(), media_type: "image" }),
      asMember
    ),
    call("change", "deleteMessage", (actor, place) => ({ ...others(actor, place), scope: "me" }), spending),
    call(
      "change",
      "deleteMessage",
      (actor, place) => ({ ...own(actor, place), scope: "everyone" }),
      spending
    ),
    call("moderate", "deleteMessage", (actor, place) => ({ ...others(actor, place), scope: "everyone" }), {
      ...spending,
      refusal: "forbidden delete:sender_only"
    }),
    call("pin", "pinMessage", others, asMember),
    call("pin", "unpinMessage", others, asMember),
    call("update", "updateConversation", () => ({ metadata: { name: "x" } }), atOnce),
    call("configure", "configureConversation", () => ({ settings: { message_ttl_seconds: null } }), atOnce),
    call("add_member", "addMembers", () => ({ user_ids: [crypto.randomUUID()] }), ifAllowed),
    call("grant_role", "addMembers", () => ({ user_ids: [crypto.randomUUID()], role: "admin" }), {
      ...ifAllowed,
      after: "add_member"
    }),
    call("remove_member", "removeMember", someone, atOnce),
    call(
      "change_role",
      "changeRole",
      (actor, place) => ({ ...someone(actor, place), role: "admin" }),
      atOnce
    ),
    call("transfer", "changeRole", (actor, place) => ({ ...someone(actor, place), role: "owner" }), {
      ...spending,
      ...atOnce,
      isSoInDirect: true
    }),
    call("leave", "leaveConversation", undefined, spending),
    call("leave", "removeMember", ({ userId }) => ({ user_id: userId }), spending),
    call("clear", "deleteConversation", () => ({ scope: "me" }), spending),
    call("close", "deleteConversation", () => ({ scope: "everyone" }), spending)
  ]

  return {
    name: "RPC",
    calls,
    contract,
    isForServices: false,
    tellsRules: true
  }
}
