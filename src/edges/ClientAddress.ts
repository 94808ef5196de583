/**
 * From which address a request came, the same for REST, sockets and long-poll. Headers say so only as far as they come
 * from our own proxies: `X-Forwarded-For` is walked from its right end, past each trusted proxy, to the first address
 * that is none. What stands further left is the client's own writing.
 */
import type { IncomingHttpHeaders } from "node:http"
import { Context, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import type { Place } from "../actors/session/ShownTokens.ts"

/** The client's address, for what handles a request. */
export const ClientAddress = Context.Reference<string>("messaging-service/edges/ClientAddress", {
  defaultValue: () => UNKNOWN
})

/** Of a connection that is gone already. */
export const UNKNOWN = "unknown"

/** Of a request, whatever its protocol. */
export interface Head {
  readonly headers: IncomingHttpHeaders
  readonly socket: { readonly remoteAddress?: string | undefined }
}

export type AddressOf = (head: Head) => string

/** `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]`, `[::1]:5`. An IPv4 address in IPv6's clothes is that IPv4 address. */
const parse = (text: string): NetAddress.IpAddress | undefined => {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text
  const address = NetAddress.ipFromString(bare)
  if (Result.isSuccess(address)) return NetAddress.toCanonical(address.success)
  const withPort = NetAddress.inetAddressFromString(text)
  return Result.isSuccess(withPort) ? NetAddress.toCanonical(withPort.success.address) : undefined
}

/** Like Effect's `HttpMiddleware.xForwardedHeaders`, for requests that are not its own. */
export const make = (trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>): AddressOf => {
  const isTrusted = (address: NetAddress.IpAddress) =>
    trustedProxies.some((network) => IpNetwork.contains(network, address))

  const beyond = (proxy: NetAddress.IpAddress, header: string): NetAddress.IpAddress => {
    const hops = header.split(",")
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = parse(hops[i]!.trim())
      if (hop === undefined) return proxy
      if (i === 0 || !isTrusted(hop)) return hop
    }
    return proxy
  }

  return ({ headers, socket }) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined) return UNKNOWN
    const peer = parse(remoteAddress)
    if (peer === undefined) return remoteAddress
    const forwarded = headers["x-forwarded-for"]
    if (forwarded === undefined || !isTrusted(peer)) return NetAddress.formatIp(peer)
    return NetAddress.formatIp(beyond(peer, String(forwarded)))
  }
}

const HOST_BITS_OF_A_SITE = 64

/**
 * What limits count by: an IPv4 address, or the /64 of an IPv6 address, within which one customer has all addresses.
 */
export const limitKey = (address: string): string => {
  const ip = parse(address)
  if (ip === undefined || !NetAddress.isIpv6Address(ip)) return address
  return Result.match(IpNetwork.fromAddress(ip, HOST_BITS_OF_A_SITE), {
    onSuccess: IpNetwork.format,
    onFailure: () => address
  })
}

/** An address, with what limits count it by. */
export const placeOf = (address: string): Place => ({ address, source: limitKey(address) })
