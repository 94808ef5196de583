/** What every `TokenRevocations` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Identity } from "../../src/domain/Identity.ts"
import type { DeviceId, UserId } from "../../src/domain/Ids.ts"
import { TokenRevocations } from "../../src/domain/ports/TokenRevocations.ts"

const uuid = () => crypto.randomUUID() as UserId
const phone = "phone" as DeviceId
const laptop = "laptop" as DeviceId

const identityOf = (changes: Partial<Identity> = {}): Identity => ({
  userId: uuid(),
  deviceId: phone,
  tokenId: crypto.randomUUID(),
  trust: "normal",
  scopes: [],
  issuedAt: Date.now() - 60_000,
  expiresAt: Date.now() + 3_600_000,
  ...changes
})

/** Whether a token is believed, or why not. */
const verdict = (identity: Identity) =>
  Effect.flatMap(TokenRevocations, (tokens) =>
    Effect.match(tokens.check(identity), {
      onSuccess: () => "believed",
      onFailure: (error) => (error._tag === "TokenRejected" ? error.reason : error._tag)
    })
  )

export const contract = <E>(name: string, layer: Layer.Layer<TokenRevocations, E>): void => {
  describe(`TokenRevocations: ${name}`, () => {
    it.live("believes what nobody has revoked", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* verdict(identityOf()), "believed")
      }).pipe(Effect.provide(layer))
    )

    it.live("revokes one token, also when it was believed just before, and no other", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenRevocations
        const mine = identityOf()
        const other = identityOf({ userId: mine.userId })
        assert.strictEqual(yield* verdict(mine), "believed")
        assert.isFalse(tokens.isKnown(mine))
        yield* tokens.revoke({ kind: "token", token_id: mine.tokenId, before: Date.now() })
        assert.strictEqual(yield* verdict(mine), "revoked")
        assert.isTrue(tokens.isKnown(mine))
        assert.strictEqual(yield* verdict(other), "believed")
        assert.isFalse(tokens.isKnown(other))
      }).pipe(Effect.provide(layer))
    )

    it.live("revokes what a user was issued until a moment, on all devices, and nothing later", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenRevocations
        const before = Date.now()
        const old = identityOf({ issuedAt: before })
        const elsewhere = identityOf({ userId: old.userId, deviceId: laptop, issuedAt: before - 1 })
        const later = identityOf({ userId: old.userId, issuedAt: before + 1 })
        yield* tokens.revoke({ kind: "user", user_id: old.userId, before })
        assert.strictEqual(yield* verdict(old), "revoked")
        assert.strictEqual(yield* verdict(elsewhere), "revoked")
        assert.strictEqual(yield* verdict(later), "believed")
        assert.strictEqual(yield* verdict(identityOf({ issuedAt: before })), "believed")
      }).pipe(Effect.provide(layer))
    )

    it.live("revokes what a device was issued, and not what the user's others were", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenRevocations
        const onPhone = identityOf()
        const onLaptop = identityOf({ userId: onPhone.userId, deviceId: laptop })
        const before = Date.now()
        yield* tokens.revoke({ kind: "device", user_id: onPhone.userId, device_id: phone, before })
        assert.strictEqual(yield* verdict(onPhone), "revoked")
        assert.strictEqual(yield* verdict(onLaptop), "believed")
        assert.strictEqual(yield* verdict(identityOf()), "believed")
      }).pipe(Effect.provide(layer))
    )

    it.live("keeps the later of two moments, in whichever order they come", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenRevocations
        const now = Date.now()
        const identity = identityOf({ issuedAt: now })
        yield* tokens.revoke({ kind: "user", user_id: identity.userId, before: now })
        yield* tokens.revoke({ kind: "user", user_id: identity.userId, before: now - 10_000 })
        assert.strictEqual(yield* verdict(identity), "revoked")
      }).pipe(Effect.provide(layer))
    )

    it.live("lets one of a hundred use a single-use token, and nobody afterwards", () =>
      Effect.gen(function* () {
        const tokens = yield* TokenRevocations
        const identity = identityOf()
        const claims = yield* Effect.forEach(
          Array.from({ length: 100 }),
          () => Effect.result(tokens.claim(identity)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(claims.filter((claim) => claim._tag === "Success").length, 1)
        assert.deepInclude(yield* Effect.flip(tokens.claim(identity)), { reason: "replayed" })
        yield* tokens.claim(identityOf())
      }).pipe(Effect.provide(layer))
    )
  })
}
