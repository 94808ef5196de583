import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { acceptsSubprotocols, fromParams, fromSubprotocols } from "../../../src/domain/protocol/AuthToken.ts"
import { parse } from "../../../src/domain/protocol/ConnectParams.ts"

const value = (token: Redacted.Redacted | undefined) => token && Redacted.value(token)
/** As the official client writes it. */
const entry = (token: string) => `base64url.bearer.phx.${btoa(token).replace(/=/g, "")}`

describe("AuthToken", () => {
  it("is found among the subprotocols, in the standard and in the URL-safe alphabet", () => {
    // "~~~???" has both characters in which the alphabets differ.
    for (const token of ["a", "ab", "abc", "ey.J9.s", "~~~???"]) {
      assert.strictEqual(value(fromSubprotocols(`phoenix, ${entry(token)}`)), token)
      assert.strictEqual(
        value(fromSubprotocols(entry(token).replaceAll("+", "-").replaceAll("/", "_"))),
        token
      )
    }
  })

  it("is absent where there is none, or none that can be read", () => {
    for (const header of [
      undefined,
      "",
      "phoenix",
      "phoenix, base64url.bearer.phx.",
      "base64url.bearer.phx.!!"
    ]) {
      assert.isUndefined(fromSubprotocols(header))
    }
  })

  it("is never shown when it is printed", () => {
    assert.notInclude(String(fromSubprotocols(entry("secret"))), "secret")
  })

  it("is the last `token` of the query; an empty one is none", () => {
    const query = (text: string) => value(fromParams(parse(`/socket/websocket?${text}`)))
    assert.strictEqual(query("token=a&vsn=2.0.0&token=b"), "b")
    assert.strictEqual(query("user%5Btoken%5D=x&token=a%2Bb"), "a+b")
    assert.isUndefined(query("vsn=2.0.0"))
    assert.isUndefined(query("token=a&token="))
  })

  it("leaves us to speak `phoenix` if anything", () => {
    assert.isTrue(acceptsSubprotocols(undefined))
    assert.isTrue(acceptsSubprotocols(`phoenix, ${entry("t")}`))
    assert.isTrue(acceptsSubprotocols("other , phoenix"))
    assert.isTrue(acceptsSubprotocols(entry("t")))
    assert.isFalse(acceptsSubprotocols("graphql-ws"))
    assert.isFalse(acceptsSubprotocols(`graphql-ws, ${entry("t")}`))
  })
})
