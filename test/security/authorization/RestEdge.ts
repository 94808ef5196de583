/** REST: every endpoint of the OpenAPI document whose path names a conversation. */
import { Effect } from "effect"
import { OpenApi } from "effect/http-api"
import type { Action } from "../../../src/domain/Policy.ts"
import { Api } from "../../../src/edges/rest/Api.ts"
import type { Call, Edge, Outcome } from "./Edge.ts"
import { type Actor, clientRandom, type Place } from "./Places.ts"

/** What an endpoint is asked with: where its path names no more than the conversation, nothing but a body. */
interface Ask {
  readonly message?: "own" | "others"
  readonly user?: "spare" | "self"
  readonly query?: string
  readonly body?: () => unknown
}

export interface RestCall extends Call {
  readonly method: string
  readonly path: string
  readonly ask: (actor: Actor, place: Place) => readonly [path: string, body: unknown]
}

interface Refused {
  readonly reason?: string
  readonly rule?: string
}

export const outcomeOf = (status: number, body: Refused | null): Outcome =>
  status < 300 ? "ok" : [body?.reason ?? `status ${status}`, body?.rule].filter(Boolean).join(" ")

const call = (
  action: Action | "own",
  name: string,
  { body = () => undefined, message = "own", query = "", user = "spare" }: Ask = {},
  more: Partial<
    Pick<Call, "after" | "limited" | "groupsOnly" | "isSoInDirect" | "refusal" | "isSpending">
  > = {}
): RestCall => {
  const [method, path] = name.split(" ") as [string, string]
  const ask: RestCall["ask"] = (actor, place) => {
    const messageId = message === "own" ? place.ownMessage(actor) : place.othersMessage(actor)
    const filled = path
      .replace(/\{(conversation|group)_id\}/, place.id)
      .replace("{message_id}", messageId)
      .replace("{user_id}", () => (user === "spare" ? place.spare(actor) : actor.userId))
      .replace("{reaction}", ":yes:")
    return [`${filled}${query}`, body()]
  }
  return {
    name,
    action,
    method,
    path,
    ask,
    ...more,
    perform: (actor, place) => {
      const [path, body] = ask(actor, place)
      return Effect.map(actor.rest.request<Refused | null>(method, path, body), (answer) =>
        outcomeOf(answer.status, answer.body)
      )
    }
  }
}

const C = "/api/v1/conversations/{conversation_id}"
const M = `${C}/messages/{message_id}`
const G = "/api/v1/groups/{group_id}"

const member = () => ({ user_ids: [crypto.randomUUID()] })
const admin = () => ({ user_ids: [crypto.randomUUID()], role: "admin" })
const metadata = () => ({ metadata: { name: "x" } })
const message = () => ({ content: "x", client_random: clientRandom() })
const inAnHour = () => ({
  ...message(),
  scheduled_for: new Date(Date.now() + 3_600_000).toISOString()
})
const upTo = () => ({ seq: 1 })
const medium = () => ({ media_id: crypto.randomUUID(), media_type: "image" })

const atOnce = { limited: "at once" } as const
const asMember = { limited: "as a member" } as const
const ifAllowed = { limited: "if allowed" } as const
const spending = { isSpending: true } as const

export const calls: ReadonlyArray<RestCall> = [
  call("read", `GET ${C}`),
  call("read", `GET ${C}/members`),
  call("read", `GET ${C}/messages`),
  call("read", `GET ${C}/messages/search`, { query: "?q=hello" }, atOnce),
  call("read", `GET ${M}`),
  call("read", `GET ${M}`, { message: "others" }),
  call("read", `GET ${M}/status`),
  call("read", `GET ${C}/status`, {}, asMember),
  call("read", `GET ${M}/reactions`),
  call("read", `GET ${M}/attachments`),
  call("read", `GET ${C}/attachments`),
  call("read", `GET ${C}/pinned-messages`),
  call("read", `GET ${C}/settings`),
  call("read", `GET ${C}/settings/me`),
  call("read", `PATCH ${C}/settings/me`, { body: () => ({ muted: true }) }, atOnce),
  call("read", `POST ${C}/archive`, {}, atOnce),
  call("read", `DELETE ${C}/archive`, {}, atOnce),
  call("read", `POST ${C}/pin`, {}, atOnce),
  call("read", `DELETE ${C}/pin`, {}, atOnce),
  call("read", `POST ${C}/mark-as-read`, { body: upTo }),
  call("read", `POST ${C}/delivered`, { body: upTo }),
  call("read", `POST ${M}/mark-as-read`),
  call("read", `POST ${M}/delivered`),
  call("read", `PUT ${C}/draft`, { body: () => ({ content: "x" }) }, atOnce),
  call("read", `GET ${C}/draft`),
  call("own", `DELETE ${C}/draft`),
  call("send", `POST ${C}/messages`, { body: message }, atOnce),
  // Written down now, judged when it is sent.
  call("read", `POST ${C}/scheduled-messages`, { body: inAnHour }, atOnce),
  call("change", `POST ${M}/reactions`, { message: "others", body: () => ({ reaction: ":yes:" }) }, asMember),
  call("change", `DELETE ${M}/reactions/{reaction}`, { message: "others" }, asMember),
  call("change", `PATCH ${M}`, { body: () => ({ content: "edited" }) }, asMember),
  call("change", `POST ${M}/attachments`, { body: medium }, asMember),
  call("change", `DELETE ${M}`, { query: "?scope=me", message: "others" }, spending),
  call("change", `DELETE ${M}`, { query: "?scope=everyone" }, spending),
  call(
    "moderate",
    `DELETE ${M}`,
    { query: "?scope=everyone", message: "others" },
    { ...spending, refusal: "forbidden delete:sender_only" }
  ),
  call("pin", `POST ${M}/pin`, { message: "others" }, asMember),
  call("pin", `DELETE ${M}/pin`, { message: "others" }, asMember),
  call("update", `PATCH ${C}`, { body: metadata }, atOnce),
  call("update", `PUT ${C}`, { body: metadata }, atOnce),
  call("configure", `PATCH ${C}/settings`, { body: () => ({ message_ttl_seconds: null }) }, atOnce),
  call("add_member", `POST ${C}/members`, { body: member }, ifAllowed),
  call("grant_role", `POST ${C}/members`, { body: admin }, { ...ifAllowed, after: "add_member" }),
  call("remove_member", `DELETE ${C}/members/{user_id}`, {}, atOnce),
  call("change_role", `PATCH ${C}/members/{user_id}`, { body: () => ({ role: "admin" }) }, atOnce),
  call(
    "transfer",
    `PATCH ${C}/members/{user_id}`,
    { body: () => ({ role: "owner" }) },
    { ...spending, ...atOnce, isSoInDirect: true }
  ),
  call("leave", `POST ${C}/leave`, {}, spending),
  call("leave", `DELETE ${C}/members/{user_id}`, { user: "self" }, spending),
  call("clear", `DELETE ${C}`, { query: "?scope=me" }, spending),
  call("close", `DELETE ${C}`, { query: "?scope=everyone" }, spending),
  call("read", `GET ${G}`, {}, { groupsOnly: true }),
  call("update", `PATCH ${G}`, { body: metadata }, { ...asMember, groupsOnly: true }),
  call("update", `PUT ${G}`, { body: metadata }, { ...asMember, groupsOnly: true }),
  call("add_member", `POST ${G}/members`, { body: member }, { ...ifAllowed, groupsOnly: true }),
  call(
    "grant_role",
    `POST ${G}/members`,
    { body: admin },
    { ...ifAllowed, after: "add_member", groupsOnly: true }
  ),
  call("remove_member", `DELETE ${G}/members/{user_id}`, {}, { ...asMember, groupsOnly: true }),
  call("leave", `POST ${G}/leave`, {}, { ...spending, groupsOnly: true }),
  call("close", `DELETE ${G}`, {}, { ...spending, groupsOnly: true })
]

const contract = Object.entries(OpenApi.fromApi(Api).paths)
  .filter(([path]) => /\{(conversation|group)_id\}/.test(path))
  .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))

export const edge: Edge = { name: "REST", calls, contract, isForServices: false, tellsRules: true }
