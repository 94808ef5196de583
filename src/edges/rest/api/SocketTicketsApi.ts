/** Tickets to connect a socket with, instead of a token in its URL. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Timestamp } from "../../../domain/Message.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"

const SocketTicket = Schema.Struct({ ticket: Schema.String, expires_at: Timestamp }).annotate({
  identifier: "SocketTicket"
})

export class SocketTicketsApi extends HttpApiGroup.make("socketTickets")
  .add(
    HttpApiEndpoint.post("create", "/socket-tickets", {
      success: SocketTicket.pipe(HttpApiSchema.status(201)),
      error: problems(503)
    })
      .annotate(RunsAgain, true)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A ticket to connect a socket with",
          description:
            "Goes into the connection's parameter `ticket`. Good once, for 30 seconds, on any node."
        })
      )
  )
  .annotateMerge(OpenApi.annotations({ title: "Socket tickets" })) {}
