/** Reports to those who run the service. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { NewReport, Report } from "../../../domain/Report.ts"
import { problems } from "../Problem.ts"

export class ReportsApi extends HttpApiGroup.make("reports")
  .add(
    HttpApiEndpoint.post("create", "/reports", {
      payload: NewReport,
      success: Report.pipe(HttpApiSchema.status(201)),
      error: problems(403, 404, 429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Report a message, a user or a conversation",
        description:
          "To those who run the service; nobody else is told. 404 for what one cannot see: a message or a conversation of others, a user one has no conversation with. Of a message its version is noted, not its content."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Reports" })) {}
