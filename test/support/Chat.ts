/** People in a running service, for tests: a token, a REST client and a socket each. */
import { Effect } from "effect"
import type { Message } from "../../src/domain/Message.ts"
import type { AppProcessError, IssuedToken, RunningApp, TokenRequest } from "./AppProcess.ts"
import * as PhoenixClient from "./PhoenixClient.ts"
import { RestClient, type RestError } from "./RestClient.ts"

export interface Person extends IssuedToken {
  readonly rest: RestClient
}

export const person = (app: RunningApp, request?: TokenRequest): Effect.Effect<Person, AppProcessError> =>
  Effect.map(app.token(request), (issued) => ({ ...issued, rest: new RestClient(app.url, issued.token) }))

/** The same person, against another (or the restarted) process. */
export const at = (app: RunningApp, { rest: _, ...issued }: Person): Person => ({
  ...issued,
  rest: new RestClient(app.url, issued.token)
})

export const connect = (app: RunningApp, { token }: Person) =>
  PhoenixClient.connect({ url: app.wsUrl, params: { token } })

export const direct = (a: Person, b: Person): Effect.Effect<string, RestError> =>
  Effect.map(
    a.rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
      type: "direct",
      member_ids: [b.user_id]
    }),
    ({ id }) => id
  )

export const group = (owner: Person, ...members: ReadonlyArray<Person>): Effect.Effect<string, RestError> =>
  Effect.map(
    owner.rest.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
      type: "group",
      member_ids: members.map((member) => member.user_id)
    }),
    ({ id }) => id
  )

/** All messages of a conversation, page by page. */
export const history = Effect.fnUntraced(function* (
  reader: Person,
  id: string
): Effect.fn.Return<ReadonlyArray<Message>, RestError> {
  const messages: Array<Message> = []
  for (;;) {
    const after = messages.at(-1)?.seq ?? 0
    const page = yield* reader.rest.ok<{
      readonly items: ReadonlyArray<Message>
      readonly next_cursor: string | null
    }>("GET", `/api/v1/conversations/${id}/messages?after_seq=${after}&limit=200`)
    messages.push(...page.items)
    if (page.items.length === 0 || page.next_cursor === null) return messages
  }
})
