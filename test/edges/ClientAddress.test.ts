import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { IpNetwork } from "effect/net"
import { limitKey, make } from "../../src/edges/ClientAddress.ts"

const none = make([])
const proxied = make(["10.0.0.0/8", "2001:db8::/32"].map(IpNetwork.fromStringUnsafe))

const from = (remoteAddress: string | undefined, forwarded?: string) => ({
  socket: Object.defineProperty(new Socket(), "remoteAddress", { value: remoteAddress }),
  headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded }
})

describe("ClientAddress", () => {
  it("is the peer's where no proxy is trusted, whatever a header says", () => {
    assert.strictEqual(none(from("198.51.100.7", "1.2.3.4")), "198.51.100.7")
    assert.strictEqual(none(from("127.0.0.1", "1.2.3.4, 127.0.0.1")), "127.0.0.1")
    assert.strictEqual(proxied(from("198.51.100.7", "1.2.3.4")), "198.51.100.7")
  })

  it("is what the last of our proxies saw", () => {
    assert.strictEqual(proxied(from("10.0.0.1", "198.51.100.7")), "198.51.100.7")
    assert.strictEqual(proxied(from("10.0.0.1", "198.51.100.7, 10.0.0.2")), "198.51.100.7")
    assert.strictEqual(proxied(from("2001:db8::1", "198.51.100.7, 10.0.0.2,2001:db8::2")), "198.51.100.7")
  })

  it("is nothing that the client wrote itself", () => {
    for (const forged of [
      "1.2.3.4",
      "10.9.9.9",
      "unknown",
      "",
      "1.2.3.4, 10.9.9.9, 5.6.7.8",
      "x".repeat(9_000)
    ]) {
      assert.strictEqual(proxied(from("10.0.0.1", `${forged}, 198.51.100.7`)), "198.51.100.7", forged)
    }
  })

  it("is the proxy's where what it forwards is no address", () => {
    for (const nonsense of ["", ",", "unknown", "_hidden", "1.2.3", "999.1.1.1", "a, b", "[::1"]) {
      assert.strictEqual(proxied(from("10.0.0.1", nonsense)), "10.0.0.1", nonsense)
    }
  })

  it("is the same however it is written", () => {
    assert.strictEqual(none(from("::ffff:198.51.100.7")), "198.51.100.7")
    assert.strictEqual(proxied(from("::ffff:10.0.0.1", "198.51.100.7:4711")), "198.51.100.7")
    for (const text of ["2001:DB9::0:1", "[2001:db9::1]", "[2001:db9::1]:443"]) {
      assert.strictEqual(proxied(from("10.0.0.1", text)), "2001:db9::1", text)
    }
    assert.strictEqual(proxied(from("10.0.0.1", "::ffff:198.51.100.7")), "198.51.100.7")
  })

  it("is unknown where the connection is gone", () => {
    assert.strictEqual(proxied(from(undefined, "198.51.100.7")), "unknown")
  })

  it("counts all addresses of one IPv6 site as one, and each IPv4 address by itself", () => {
    assert.strictEqual(limitKey("2001:db8:1:2::1"), "2001:db8:1:2::/64")
    assert.strictEqual(limitKey("2001:db8:1:2:ffff:ffff:ffff:ffff"), limitKey("2001:db8:1:2::1"))
    assert.notStrictEqual(limitKey("2001:db8:1:3::1"), limitKey("2001:db8:1:2::1"))
    assert.strictEqual(limitKey("198.51.100.7"), "198.51.100.7")
    assert.strictEqual(limitKey("unknown"), "unknown")
  })
})
