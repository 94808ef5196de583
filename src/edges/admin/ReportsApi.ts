/** What users have reported, for those who look into it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { page, pageQuery } from "../../domain/Answers.ts"
import { UserId } from "../../domain/Ids.ts"
import { FiledReport } from "../../domain/Report.ts"
import { problems } from "../rest/Problem.ts"

export class ReportsApi extends HttpApiGroup.make("reports")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/admin/reports", {
      query: { ...pageQuery, user_id: Schema.optionalKey(UserId) },
      success: page(FiledReport),
      error: problems(400, 403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "What was reported, the latest first",
        description:
          "With `user_id`, only of that user and of their messages. Reading it is on record. `version_seq` is the version of a message that was reported."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Reports" })) {}
