import { assert, describe, it } from "@effect/vitest"
import { isSessionToken, makeSigner, nodeOf, tokensOf } from "../../../src/edges/longpoll/SessionToken.ts"

const WEEK = 7 * 24 * 60 * 60 * 1000
const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"

describe("SessionToken", () => {
  it("names its session for two weeks, and no other signer's", () => {
    const signer = makeSigner()
    const { id, token } = signer.issue(1_000)
    assert.strictEqual(signer.verify(token, 1_000), id)
    assert.strictEqual(signer.verify(token, 1_000 + 2 * WEEK), id)
    assert.isUndefined(signer.verify(token, 1_001 + 2 * WEEK))
    assert.isUndefined(makeSigner().verify(token, 1_000))
    assert.notStrictEqual(signer.issue(1_000).id, id)
  })

  it("says of which process it is", () => {
    const [one, other] = [makeSigner(), makeSigner()]
    assert.strictEqual(nodeOf(one.issue(0).token), one.node)
    assert.notStrictEqual(one.node, other.node)
    for (const text of ["", JWT, "phxlp.x", `phxlp.${one.node}`]) assert.isUndefined(nodeOf(text))
  })

  it("is refused when a character of it is changed, or it is no token at all", () => {
    const signer = makeSigner()
    const { token } = signer.issue(1_000)
    for (let at = 0; at < token.length; at++) {
      // The last character of a base64 text may hold bits that mean nothing; another letter changes those that do.
      const changed = token.slice(0, at) + (token[at] === "A" ? "Q" : "A") + token.slice(at + 1)
      assert.isUndefined(signer.verify(changed, 1_000), changed)
    }
    for (const text of ["", "phxlp.", "phxlp...", JWT, `${token}x`, token.slice(0, -1)]) {
      assert.isUndefined(signer.verify(text, 1_000), text)
    }
  })

  it("is told apart from the application's token, whichever comes first", () => {
    const { token } = makeSigner().issue(0)
    assert.isTrue(isSessionToken(token))
    assert.isFalse(isSessionToken(JWT))
    const of = (query: string, header?: string) => tokensOf(header, new URLSearchParams(query))
    assert.deepStrictEqual(of(`token=${JWT}&vsn=2.0.0&`), { session: undefined, application: JWT })
    assert.deepStrictEqual(of(`token=${JWT}&vsn=2.0.0&token=${token}`), { session: token, application: JWT })
    assert.deepStrictEqual(of(`token=${token}&token=${JWT}`), { session: token, application: JWT })
    assert.deepStrictEqual(of(`token=${JWT}`, token), { session: token, application: JWT })
    assert.deepStrictEqual(of("vsn=2.0.0&token="), { session: undefined, application: undefined })
    assert.deepStrictEqual(of("token=a&token=b"), { session: undefined, application: "b" })
  })
})
