/** Two nodes over one Postgres and one Redis, and bare sockets that do not come back by themselves. */
import { Effect } from "effect"
import { WebSocket } from "ws"
import type * as AppProcess from "../support/AppProcess.ts"
import type * as Chat from "../support/Chat.ts"
import { Inbox } from "../support/Inbox.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"

export type App = AppProcess.RunningApp

export const twoNodes = Effect.fnUntraced(function* (extra: Readonly<Record<string, string>> = {}) {
  const nodes = yield* Nodes.two({ REDIS_CONNECT_TIMEOUT: "1 second", ...extra })
  yield* Effect.all([Nodes.hasRedis(nodes.one), Nodes.hasRedis(nodes.two)])
  return nodes
})

/** How a socket ended: its close code and reason, or the status and reason it was refused with. */
export type End = readonly [code: number, reason: string]

export interface BareSocket {
  readonly ends: Inbox<End>
  readonly ws: WebSocket
}

/** A connection attempt; answers when it is open, or refused. */
export const socket = Effect.fnUntraced(function* (
  app: App,
  params: Readonly<Record<string, string>>,
  protocols: ReadonlyArray<string> = []
) {
  const ends = new Inbox<End>("ends")
  const query = new URLSearchParams({ vsn: "2.0.0", ...params })
  const ws = new WebSocket(`${app.wsUrl}/websocket?${query}`, [...protocols])
  yield* Effect.addFinalizer(() => Effect.sync(() => ws.terminate()))
  ws.on("error", () => {})
  yield* Effect.callback<void>((resume) => {
    ws.on("open", () => resume(Effect.void))
    ws.on("close", (code, reason) => {
      if (reason.length > 0 || code !== 1006) ends.put([code, reason.toString()])
    })
    ws.on("unexpected-response", (_request, response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const { reason, rule } = JSON.parse(text) as { readonly reason: string; readonly rule?: string }
        ends.put([response.statusCode ?? 0, rule ?? reason])
        resume(Effect.void)
      })
    })
  })
  return { ends, ws } satisfies BareSocket
})

export const connect = (app: App, { token }: Chat.Person) => socket(app, { token })

/** `iat` has whole seconds: a token of the same second as the revocation is refused with the old ones. */
export const nextSecond = Effect.suspend(() => {
  const second = Math.floor(Date.now() / 1000)
  return Poll.until(() => Math.floor(Date.now() / 1000) > second)
})

export const poll = (
  app: App,
  params: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {}
) =>
  Effect.promise(async () => {
    const query = new URLSearchParams({ vsn: "2.0.0", ...params })
    const response = await fetch(`${app.url}/socket/longpoll?${query}`, { headers })
    return (await response.json()) as {
      readonly status: number
      readonly token?: string
      readonly reason?: string
    }
  })
