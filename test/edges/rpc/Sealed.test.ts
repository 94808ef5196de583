/** Each of the domain's errors on its way to a typed client: it arrives as itself, and without what nobody is to see. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Errors from "../../../src/domain/Errors.ts"
import { sealed } from "../../../src/edges/rpc/Sealed.ts"

const secret = new Error("password=hunter2 at db.internal")

/** One of each; the compiler asks for a new one. */
const refusals: { readonly [E in Errors.Refusal as E["_tag"]]: E } = {
  TokenRejected: new Errors.TokenRejected({ reason: "expired" }),
  NotMember: new Errors.NotMember(),
  Forbidden: new Errors.Forbidden({ rule: "edit:sender_only" }),
  UserBlocked: new Errors.UserBlocked({ until: 1_800_000_000_000 }),
  NotFound: new Errors.NotFound({ what: "message" }),
  InvalidInput: new Errors.InvalidInput({ issues: [{ path: "content", message: "Expected string" }] }),
  ContentRejected: new Errors.ContentRejected({ rule: "blocked_words" }),
  MessageTooLarge: new Errors.MessageTooLarge({ limit: 10 }),
  RateLimited: new Errors.RateLimited({ scope: "message", limit: 10, windowMs: 1000, retryAfterMs: 5 }),
  Conflict: new Errors.Conflict({ what: "the message is deleted" }),
  Overloaded: new Errors.Overloaded({ what: "mailbox of db.internal" }),
  Unavailable: new Errors.Unavailable({ what: "db.internal", cause: secret })
}

const codec = Schema.toCodecJson(Errors.Refusal)
const encode = Schema.encodeSync(codec)
const decode = Schema.decodeUnknownSync(codec)

const failure = (reason: object) =>
  ({ _tag: "Exit", requestId: "1", exit: { _tag: "Failure", cause: [reason] } }) as Parameters<
    typeof sealed
  >[0]

const onTheWire = (reason: object): { readonly text: string; readonly reason: Record<string, unknown> } => {
  const text = JSON.stringify(sealed(failure(reason)))
  return { text, reason: JSON.parse(text).exit.cause[0] }
}

describe("An answer of typed RPC", () => {
  for (const refusal of Object.values(refusals)) {
    it(`tells a ${refusal._tag} as what it is`, () => {
      const { reason, text } = onTheWire({ _tag: "Fail", error: encode(refusal) })
      const arrived = decode(reason.error)
      assert.strictEqual(arrived.constructor, refusal.constructor)
      assert.notMatch(text, /hunter2|internal/)
      if (refusal._tag === "Unavailable" || refusal._tag === "Overloaded") {
        assert.deepStrictEqual(encode(arrived), { _tag: refusal._tag, what: "service" })
      } else {
        assert.deepStrictEqual(arrived, refusal)
      }
    })
  }

  it("tells nothing of a defect but that there was one", () => {
    const { text } = onTheWire({ _tag: "Die", defect: { name: "Error", message: secret.message } })
    assert.notMatch(text, /hunter2|internal/)
    assert.include(text, "The service failed at this")
    const whole = JSON.stringify(sealed({ _tag: "Defect", defect: secret.message }))
    assert.notMatch(whole, /hunter2|internal/)
  })

  it("tells a client that asks for what there is not what it has asked for", () => {
    assert.include(onTheWire({ _tag: "Die", defect: "Unknown request tag: nonsense" }).text, "nonsense")
  })

  it("leaves what succeeded as it is", () => {
    const chunk = { _tag: "Chunk", requestId: "1", values: [1] } as const
    assert.strictEqual(sealed(chunk), chunk)
  })
})
