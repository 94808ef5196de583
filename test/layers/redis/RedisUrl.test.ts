import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as RedisUrl from "../../../src/layers/redis/RedisUrl.ts"

describe("RedisUrl", () => {
  it("leaves the URL of a server to the client", () => {
    for (const url of ["redis://127.0.0.1:6379/3", "rediss://user:password@redis.internal"]) {
      assert.deepStrictEqual(RedisUrl.parse(url), { kind: "server", url })
    }
  })

  it("reads Sentinels, the name they know, and what the master wants to hear", () => {
    const parsed = RedisUrl.parse(
      "rediss-sentinel://chat:p%40ss@one:26380,[::1],three/my%20master/2?sentinel_password=s%26cret"
    )
    assert.deepInclude(parsed?.kind === "sentinel" ? parsed.options : {}, {
      sentinels: [
        { host: "one", port: 26_380 },
        { host: "::1", port: 26_379 },
        { host: "three", port: 26_379 }
      ],
      name: "my master",
      db: 2,
      username: "chat",
      password: "p@ss",
      sentinelPassword: "s&cret",
      tls: {},
      enableTLSForSentinelMode: true
    })
    const plain = RedisUrl.parse("redis-sentinel://one/master")
    assert.notProperty(plain?.kind === "sentinel" ? plain.options : {}, "tls")
  })

  it("reads nodes of a cluster, and makes of each address the URL of a server", () => {
    const parsed = RedisUrl.parse("rediss-cluster://chat:p%40ss@one:7000,[2001:db8::1],three")
    assert.isTrue(parsed?.kind === "cluster")
    if (parsed?.kind !== "cluster") return
    assert.deepStrictEqual(parsed.seeds, ["one:7000", "2001:db8::1:6379", "three:6379"])
    assert.deepStrictEqual(
      parsed.seeds.map((seed) => Redacted.value(parsed.nodeAt(seed))),
      [
        "rediss://chat:p%40ss@one:7000",
        "rediss://chat:p%40ss@[2001:db8::1]:6379",
        "rediss://chat:p%40ss@three:6379"
      ]
    )
    assert.strictEqual(RedisUrl.parse("redis-cluster://one/0")?.kind, "cluster")
  })

  it("refuses what names no Redis", () => {
    for (const url of [
      "",
      "localhost:6379",
      "http://host",
      "redis-cluster://",
      "redis-cluster://one,two:port",
      "redis-cluster://one,two/1",
      "redis-sentinel://one",
      "redis-sentinel://one:port/master",
      "redis-sentinel://one/master/database"
    ]) {
      assert.isUndefined(RedisUrl.parse(url), url)
    }
  })
})
