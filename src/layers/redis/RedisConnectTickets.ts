/**
 * Connect tickets that any node redeems. Redis knows them by their digest, so that whoever reads it can connect with
 * none; a used one leaves a mark until it would have expired.
 */
import { createHash, randomBytes } from "node:crypto"
import { Clock, Effect, Layer, Redacted } from "effect"
import { TokenRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { ConnectTickets, TICKET_LIFETIME } from "../../domain/ports/ConnectTickets.ts"
import { Redis } from "./Redis.ts"
import * as RedisScript from "./RedisScript.ts"

const USED = "used"

/** Reads a ticket and marks it as used, in one step: of many who ask, one gets the identity. */
const redeemScript = `
local found = redis.call('GET', KEYS[1])
if found and found ~= '${USED}' then redis.call('SET', KEYS[1], '${USED}', 'KEEPTTL') end
return found`

const keyOf = (ticket: string): string =>
  `messaging:ticket:${createHash("sha256").update(ticket).digest("base64url")}`

export const layer = Layer.effect(
  ConnectTickets,
  Effect.gen(function* () {
    const { main } = yield* Redis
    const redeem = RedisScript.make(main, redeemScript)
    return ConnectTickets.of({
      issue: Effect.fnUntraced(function* (identity) {
        const ticket = randomBytes(24).toString("base64url")
        const now = yield* Clock.currentTimeMillis
        const expiresAt = Math.min(now + TICKET_LIFETIME, identity.expiresAt)
        const lifetime = String(Math.max(1, expiresAt - now))
        yield* main.send("SET", keyOf(ticket), JSON.stringify(identity), "PX", lifetime)
        return { ticket: Redacted.make(ticket), expiresAt }
      }),
      redeem: Effect.fnUntraced(function* (ticket) {
        const found = yield* redeem([keyOf(Redacted.value(ticket))], [])
        if (found === USED) return yield* new TokenRejected({ reason: "replayed" })
        if (typeof found !== "string") return yield* new TokenRejected({ reason: "expired" })
        // Written by `issue`, and by nobody else.
        return JSON.parse(found) as Identity
      })
    })
  })
)
