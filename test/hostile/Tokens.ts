/** Tokens that are nearly good: of a real one's parts, with something changed. None is believed. */
import { createHmac } from "node:crypto"
import { Agent, request } from "node:http"
import type { Chance } from "../support/Chance.ts"
import { type Attack, count, inspect, type Target, type Toll } from "./Target.ts"

const LANES = 16

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const json = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString())
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

export const forge = (by: Chance, good: string): string => {
  const [header, payload, signature] = good.split(".") as [string, string, string]
  const otherHeader = () =>
    encoded({
      ...json(header),
      ...by.pick<object>([
        { alg: "none" },
        { alg: "HS256" },
        { alg: "RS256" },
        { kid: "x" },
        { crit: ["exp"] },
        { jku: "http://127.0.0.1:1/keys" },
        { alg: null },
        { b64: false, crit: ["b64"] }
      ])
    })
  const otherPayload = () =>
    encoded({
      ...json(payload),
      ...by.pick<object>([
        { scope: "admin" },
        { sub: "0198a3a0-0000-7000-8000-000000000001" },
        { exp: 1e12 },
        { trust_level: "premium" },
        { iat: by.int(2 ** 31) },
        { jti: String(by.next()) }
      ])
    })
  switch (by.int(8)) {
    case 0:
      return `${otherHeader()}.${payload}.${signature}`
    case 1:
      return `${header}.${otherPayload()}.${signature}`
    case 2:
      return `${otherHeader()}.${otherPayload()}.${by.is(0.5) ? "" : signature}`
    case 3: {
      const text = `${encoded({ ...json(header), alg: "HS256" })}.${otherPayload()}`
      return `${text}.${createHmac("sha256", header).update(text).digest("base64url")}`
    }
    case 4: {
      // One character of the signature; not the last one, some bits of which mean nothing.
      const at = by.int(signature.length - 1)
      const other = alphabet[(alphabet.indexOf(signature[at]!) + 1 + by.int(62)) % 64]!
      return `${header}.${payload}.${signature.slice(0, at)}${other}${signature.slice(at + 1)}`
    }
    case 5: {
      const at = by.int(payload.length - 2)
      const other = alphabet[(alphabet.indexOf(payload[at]!) + 1 + by.int(62)) % 64]!
      return `${header}.${payload.slice(0, at)}${other}${payload.slice(at + 1)}.${signature}`
    }
    case 6:
      return by.pick([
        `${payload}.${header}.${signature}`,
        `${header}.${payload}.${by.bytes(64).toString("base64url")}`,
        `${header}.${payload}.${signature}${signature}`,
        `${header}.${payload}.`,
        `${header}..${signature}`,
        ".".repeat(by.int(50)),
        "e30.e30.e30"
      ])
    default:
      return by.bytes(1 + by.int(300)).toString("base64url")
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: LANES })

const send = (target: Target, by: Chance, toll: Toll): Promise<void> => {
  const token = forge(by, target.token)
  const isLongPoll = by.is(0.3)
  const path = isLongPoll ? `/socket/longpoll?vsn=2.0.0&token=${token}` : "/api/v1/me/sessions"
  const headers = isLongPoll ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve) => {
    const asked = request(
      { agent, headers, path, host: "127.0.0.1", port: target.app.httpPort },
      (response) => {
        let answer = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          answer += chunk
        })
        response.on("error", () => resolve())
        response.on("end", () => {
          const status = isLongPoll
            ? (JSON.parse(answer) as { readonly status: number }).status
            : response.statusCode
          count(toll, `token ${status}`)
          inspect(toll, "a forged token", answer)
          if (status !== (isLongPoll ? 403 : 401))
            toll.wrong.push(`the forged token ${token} was answered ${status}: ${answer}`)
          resolve()
        })
      }
    )
    asked.on("error", (error: NodeJS.ErrnoException) => {
      count(toll, `token ${error.code}`)
      resolve()
    })
    asked.end()
  })
}

export const attack: Attack = async (target, by, times, toll) => {
  let left = times
  const lane = async () => {
    while (left-- > 0) await send(target, by, toll)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
