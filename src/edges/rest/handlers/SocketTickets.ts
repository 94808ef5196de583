/** Tickets to connect a socket with, from the ConnectTickets of this service. */
import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ConnectTickets } from "../../../domain/ports/ConnectTickets.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "socketTickets",
  Effect.fnUntraced(function* (handlers) {
    const tickets = yield* ConnectTickets
    return handlers.handleAll({
      create: Effect.fn("Rest.socketTickets.create")(function* () {
        const { expiresAt, ticket } = yield* tickets.issue(yield* CurrentIdentity)
        return { ticket: Redacted.value(ticket), expires_at: new Date(expiresAt).toISOString() }
      }, answerRefusals)
    })
  })
)
