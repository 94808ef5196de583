/**
 * What a Redis URL says, for the client. `redis://user:password@host:port/database`, with `rediss:` for TLS; or the
 * master that Sentinels know by a name: `redis-sentinel://user:password@host:port,host:port/name/database`, with
 * `rediss-sentinel:` for TLS to the master and to the Sentinels, and `?sentinel_password=…` where those need one.
 */
import type { RedisOptions } from "ioredis"

type SentinelOptions = Pick<
  RedisOptions,
  | "sentinels"
  | "name"
  | "db"
  | "username"
  | "password"
  | "sentinelPassword"
  | "tls"
  | "enableTLSForSentinelMode"
  | "sentinelRetryStrategy"
>

const sentinelUrl =
  /^(rediss?)-sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?]+)\/([^/?]+)(?:\/(\d+))?(?:\?sentinel_password=([^&]+))?$/
const address = /^(\[[\da-f:]+\]|[^:[\]]+)(?::(\d+))?$/i

const decoded = (text: string | undefined): string | undefined =>
  text === undefined || text === "" ? undefined : decodeURIComponent(text)

const throughSentinels = (match: RegExpExecArray): SentinelOptions | undefined => {
  const [, scheme, username, password, hosts = "", name = "", db = "0", sentinelPassword] = match
  const sentinels = hosts.split(",").map((host) => address.exec(host))
  if (sentinels.some((parts) => parts === null)) return undefined
  const isSecure = scheme === "rediss"
  return {
    sentinels: sentinels.map((parts) => ({
      host: (parts?.[1] ?? "").replace(/^\[|\]$/g, ""),
      port: Number(parts?.[2] ?? 26_379)
    })),
    name: decodeURIComponent(name),
    db: Number(db),
    username: decoded(username),
    password: decoded(password),
    sentinelPassword: decoded(sentinelPassword),
    ...(isSecure ? { tls: {}, enableTLSForSentinelMode: true } : {}),
    // Whoever reconnects asks them all again; see `RedisConnection`.
    sentinelRetryStrategy: () => null
  }
}

export type RedisUrl =
  | { readonly kind: "server"; readonly url: string }
  | { readonly kind: "sentinel"; readonly options: SentinelOptions }

/** `undefined` for what names no Redis. */
export const parse = (text: string): RedisUrl | undefined => {
  const match = sentinelUrl.exec(text)
  if (match !== null) {
    const options = throughSentinels(match)
    return options === undefined ? undefined : { kind: "sentinel", options }
  }
  const protocol = URL.parse(text)?.protocol
  return protocol === "redis:" || protocol === "rediss:" ? { kind: "server", url: text } : undefined
}
