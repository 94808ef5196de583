/**
 * What a Redis URL says, for the client. `redis://user:password@host:port/database`, with `rediss:` for TLS; or the
 * master that Sentinels know by a name: `redis-sentinel://user:password@host:port,host:port/name/database`, with
 * `rediss-sentinel:` for TLS to the master and to the Sentinels, and `?sentinel_password=…` where those need one; or
 * some nodes of a cluster, which know the others: `redis-cluster://user:password@host:port,host:port`, with
 * `rediss-cluster:` for TLS to all of them. A cluster has one database, and all its nodes one user.
 */
import { Redacted } from "effect"
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
const clusterUrl = /^(rediss?)-cluster:\/\/(?:([^:@/]*(?::[^@/]*)?)@)?([^@/?]+)(?:\/0?)?$/
const address = /^(\[[\da-f:]+\]|[^:[\]]+)(?::(\d+))?$/i

const decoded = (text: string | undefined): string | undefined =>
  text === undefined || text === "" ? undefined : decodeURIComponent(text)

interface Address {
  /** An IPv6 address without brackets. */
  readonly host: string
  readonly port: number
}

/** `undefined` when any of them is none. */
const addresses = (hosts: string, port: number): ReadonlyArray<Address> | undefined => {
  const found = hosts.split(",").map((host) => address.exec(host))
  if (found.includes(null)) return undefined
  return found.map((parts) => ({
    host: (parts?.[1] ?? "").replace(/^\[|\]$/g, ""),
    port: Number(parts?.[2] ?? port)
  }))
}

const throughSentinels = (match: RegExpExecArray): SentinelOptions | undefined => {
  const [, scheme, username, password, hosts = "", name = "", db = "0", sentinelPassword] = match
  const sentinels = addresses(hosts, 26_379)
  if (sentinels === undefined) return undefined
  const isSecure = scheme === "rediss"
  return {
    sentinels: [...sentinels],
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

export interface ClusterUrl {
  readonly kind: "cluster"
  /** `host:port` of nodes to begin with. */
  readonly seeds: ReadonlyArray<string>
  /** The URL of one of its nodes: what `rediss` and the credentials of the cluster's URL say holds for each. */
  readonly nodeAt: (address: string) => Redacted.Redacted
}

const ofCluster = ([, scheme, credentials, hosts = ""]: RegExpExecArray): ClusterUrl | undefined => {
  const seeds = addresses(hosts, 6379)?.map(({ host, port }) => `${host}:${port}`)
  if (seeds === undefined) return undefined
  const head = `${scheme}://${credentials === undefined ? "" : `${credentials}@`}`
  const nodeAt = (address: string) => {
    const [host, port] = [address.slice(0, address.lastIndexOf(":")), address.slice(address.lastIndexOf(":"))]
    return Redacted.make(`${head}${host.includes(":") ? `[${host}]` : host}${port}`)
  }
  return { kind: "cluster", seeds, nodeAt }
}

export type RedisUrl =
  | ClusterUrl
  | { readonly kind: "server"; readonly url: string }
  | { readonly kind: "sentinel"; readonly options: SentinelOptions }

/** `undefined` for what names no Redis. */
export const parse = (text: string): RedisUrl | undefined => {
  const sentinel = sentinelUrl.exec(text)
  if (sentinel !== null) {
    const options = throughSentinels(sentinel)
    return options === undefined ? undefined : { kind: "sentinel", options }
  }
  const cluster = clusterUrl.exec(text)
  if (cluster !== null) return ofCluster(cluster)
  const protocol = URL.parse(text)?.protocol
  return protocol === "redis:" || protocol === "rediss:" ? { kind: "server", url: text } : undefined
}
