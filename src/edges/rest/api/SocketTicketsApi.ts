/** Tickets to connect a socket with, instead of a token in its URL. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { SocketTicket } from "../../../domain/Answers.ts"
import { RunsAgain } from "../Idempotency.ts"
import { problems } from "../Problem.ts"

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
