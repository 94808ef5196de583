import { assert, describe, it } from "@effect/vitest"
import { last, parse } from "../../../src/domain/protocol/ConnectParams.ts"

describe("ConnectParams", () => {
  it("are the query, decoded as forms are", () => {
    const params = parse("/socket/websocket?token=a%2Bb+c&vsn=2.0.0&")
    assert.strictEqual(last(params, "token"), "a+b c")
    assert.strictEqual(last(params, "vsn"), "2.0.0")
  })

  it("may repeat a key, and the last value wins", () => {
    const params = parse("/socket/longpoll?token=jwt&vsn=2.0.0&&token=session")
    assert.strictEqual(last(params, "token"), "session")
    assert.deepStrictEqual(params.getAll("token"), ["jwt", "session"])
  })

  it("may nest, which disturbs no plain key", () => {
    const params = parse("/socket/websocket?token=t&device%5Btoken%5D=x&tags%5B%5D=1&device[os]=ios?9")
    assert.strictEqual(last(params, "token"), "t")
    assert.strictEqual(last(params, "device[os]"), "ios?9")
  })

  it("may be absent", () => {
    for (const url of [
      undefined,
      "",
      "/socket/websocket",
      "/socket/websocket?",
      "/socket/websocket?other=1"
    ]) {
      assert.isUndefined(last(parse(url), "vsn"))
    }
  })
})
