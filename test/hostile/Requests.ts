/** Requests over HTTP: good ones of every endpoint that writes, spoiled in path, query, headers or body. */
import { Agent, request } from "node:http"
import type { Chance } from "../support/Chance.ts"
import * as Malformed from "./Malformed.ts"
import { type Attack, count, inspect, type Target, type Toll } from "./Target.ts"

const LANES = 16

interface Good {
  readonly method: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

const goodOf = (by: Chance, target: Target): Good => {
  const conversation = `/api/v1/conversations/${by.pick([target.own, target.own, target.foreign])}`
  const message = `${conversation}/messages/${by.pick([target.ownMessage, target.foreignMessage])}`
  const send = { content: "hello", client_random: by.int(1_000_000), metadata: {}, reply_to_id: null }
  return by.pick<Good>([
    { method: "POST", path: `${conversation}/messages`, body: send },
    { method: "GET", path: `${conversation}/messages?limit=10&after_seq=0`, body: {} },
    { method: "GET", path: `${conversation}/messages/search?q=hello`, body: {} },
    { method: "PATCH", path: message, body: { content: "edited", metadata: {} } },
    { method: "DELETE", path: `${message}?scope=everyone`, body: {} },
    { method: "POST", path: `${message}/reactions`, body: { reaction: ":x:" } },
    { method: "POST", path: `${message}/pin`, body: {} },
    { method: "POST", path: `${conversation}/members`, body: { user_ids: [target.foreignUser] } },
    { method: "PATCH", path: conversation, body: { metadata: { name: "x" } } },
    { method: "PATCH", path: `${conversation}/settings`, body: { who_may_post: "everyone" } },
    { method: "PUT", path: `${conversation}/draft`, body: { content: "x" } },
    {
      method: "POST",
      path: "/api/v1/conversations",
      body: { type: "direct", member_ids: [target.foreignUser] }
    },
    { method: "POST", path: "/api/v1/groups", body: { member_ids: [], external_group_id: "x" } },
    { method: "GET", path: "/api/v1/messages/search?q=hello", body: {} },
    { method: "GET", path: "/api/v1/admin/tree", body: {} },
    { method: "POST", path: "/api/v1/admin/revocations", body: { user_id: target.foreignUser } },
    { method: "POST", path: "/socket/longpoll?vsn=2.0.0", body: {} },
    { method: "GET", path: "/socket/longpoll?vsn=2.0.0&token=x", body: {} },
    { method: "GET", path: "/assets/app.js", body: {} }
  ])
}

const spoilPath = (by: Chance, path: string): string => {
  const at = by.int(path.length)
  const odd = by.pick([
    "%00",
    "%ff",
    "..%2f",
    "//",
    "?",
    "#",
    "%",
    "\u00e9",
    "&limit=-1",
    "?limit=1e9",
    "%0d%0a"
  ])
  return path.slice(0, at) + encodeURI(odd).replaceAll("%25", "%") + path.slice(at)
}

const agent = new Agent({ keepAlive: true, maxSockets: LANES })

const send = (target: Target, by: Chance, toll: Toll): Promise<void> => {
  const { body, method, path } = goodOf(by, target)
  const hasBody = method !== "GET"
  const isSpoiled = by.is(0.5)
  const written = by.is(0.5) ? Malformed.text(by, body) : JSON.stringify(Malformed.spoiled(by, body))
  const headers: Record<string, string> = {
    authorization: `Bearer ${target.token}`,
    "content-type": by.pick([
      "application/json",
      "application/json",
      "text/plain",
      "application/x-ndjson",
      "a/b"
    ])
  }
  if (by.is(0.2)) headers["if-match"] = by.pick(['"1"', "*", '"999999999999999999999"', "W/x"])
  if (by.is(0.1)) headers["idempotency-key"] = "k".repeat(by.int(400))
  if (by.is(0.1)) headers["x-forwarded-for"] = by.pick(["1.2.3.4", "::", ",,,,", "x".repeat(3000)])
  if (by.is(0.1)) headers["x-request-id"] = by.pick(["a b", "x".repeat(500), "<script>"])
  if (by.is(0.05)) headers["content-encoding"] = "gzip"
  return new Promise((resolve) => {
    const asked = request(
      {
        agent,
        headers,
        host: "127.0.0.1",
        port: target.app.httpPort,
        method: by.is(0.03) ? by.pick(["TRACE", "OPTIONS", "HEAD", "PROPFIND"]) : method,
        path: isSpoiled ? spoilPath(by, path) : path
      },
      (response) => {
        let answer = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          answer += chunk
        })
        response.on("error", () => resolve())
        response.on("end", () => {
          const status = response.statusCode ?? 0
          const what = `${method} ${path}`
          count(toll, `http ${status}`)
          inspect(toll, what, answer)
          if (status >= 500)
            toll.wrong.push(`${what} with ${written.slice(0, 200)} answered ${status}: ${answer}`)
          resolve()
        })
      }
    )
    asked.on("error", (error: NodeJS.ErrnoException) => {
      count(toll, `http ${error.code}`)
      resolve()
    })
    asked.end(hasBody ? written : undefined)
  })
}

export const attack: Attack = async (target, by, times, toll) => {
  let left = times
  const lane = async () => {
    while (left-- > 0) await send(target, by, toll)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
