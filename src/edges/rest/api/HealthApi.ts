/** Health, for load balancers, orchestrators and people. Not authenticated. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { HealthReport } from "../../../domain/ports/Health.ts"

const Alive = Schema.Struct({ status: Schema.Literal("up") }).annotate({ identifier: "Alive" })

const report = [HealthReport, HealthReport.pipe(HttpApiSchema.status(503))] as const

export class HealthApi extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("show", "/health", { success: report }).annotateMerge(
      OpenApi.annotations({ summary: "All checks, and the worst of them; 503 when one is down" })
    ),
    HttpApiEndpoint.get("live", "/health/live", { success: Alive }).annotateMerge(
      OpenApi.annotations({ summary: "The process runs: restart it when this does not answer" })
    ),
    HttpApiEndpoint.get("ready", "/health/ready", { success: report }).annotateMerge(
      OpenApi.annotations({ summary: "Traffic may be sent here; 503 when it may not" })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Health" })) {}
