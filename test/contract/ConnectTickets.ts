/** What every `ConnectTickets` promises. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Redacted } from "effect"
import type { Identity } from "../../src/domain/Identity.ts"
import type { DeviceId, UserId } from "../../src/domain/Ids.ts"
import { ConnectTickets, TICKET_LIFETIME } from "../../src/domain/ports/ConnectTickets.ts"

const identity = (expiresAt: number): Identity => ({
  userId: "00000000-0000-7000-8000-000000000001" as UserId,
  deviceId: "phone" as DeviceId,
  tokenId: "t",
  trust: "verified",
  scopes: ["admin"],
  issuedAt: 1,
  expiresAt
})

const inAnHour = () => identity(Date.now() + 3_600_000)

const reasonOf = (ticket: Redacted.Redacted) =>
  Effect.flatMap(ConnectTickets, (tickets) => Effect.flip(tickets.redeem(ticket))).pipe(
    Effect.map((error) => (error._tag === "TokenRejected" ? error.reason : error._tag))
  )

export const contract = <E>(name: string, layer: Layer.Layer<ConnectTickets, E>): void => {
  describe(`ConnectTickets: ${name}`, () => {
    it.live("gives the identity back, once", () =>
      Effect.gen(function* () {
        const tickets = yield* ConnectTickets
        const whose = inAnHour()
        const { expiresAt, ticket } = yield* tickets.issue(whose)
        assert.closeTo(expiresAt, Date.now() + TICKET_LIFETIME, 5_000)
        assert.deepStrictEqual(yield* tickets.redeem(ticket), whose)
        assert.strictEqual(yield* reasonOf(ticket), "replayed")
        assert.strictEqual(yield* reasonOf(ticket), "replayed")
      }).pipe(Effect.provide(layer))
    )

    it.live("lets one of a hundred win who redeem the same at once", () =>
      Effect.gen(function* () {
        const tickets = yield* ConnectTickets
        const { ticket } = yield* tickets.issue(inAnHour())
        const exits = yield* Effect.forEach(
          Array.from({ length: 100 }),
          () => Effect.exit(tickets.redeem(ticket)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(exits.filter((exit) => exit._tag === "Success").length, 1)
      }).pipe(Effect.provide(layer))
    )

    it.live("knows nothing of tickets it did not make, and makes no two alike", () =>
      Effect.gen(function* () {
        const tickets = yield* ConnectTickets
        for (const text of ["", "x", "messaging:ticket:", "used", "\u0000".repeat(100)]) {
          assert.strictEqual(yield* reasonOf(Redacted.make(text)), "expired")
        }
        const [a, b] = yield* Effect.all([tickets.issue(inAnHour()), tickets.issue(inAnHour())])
        assert.notStrictEqual(Redacted.value(a.ticket), Redacted.value(b.ticket))
      }).pipe(Effect.provide(layer))
    )

    it.live("does not outlive the token it was got with", () =>
      Effect.gen(function* () {
        const tickets = yield* ConnectTickets
        const soon = Date.now() + 5
        const { expiresAt, ticket } = yield* tickets.issue(identity(soon))
        assert.isAtMost(expiresAt, soon)
        yield* Effect.sleep("20 millis")
        assert.strictEqual(yield* reasonOf(ticket), "expired")
      }).pipe(Effect.provide(layer))
    )
  })
}
