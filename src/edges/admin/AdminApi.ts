/** What operators may see: the tokens of this API carry the scope `admin`. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authorization } from "../rest/Authorization.ts"
import { Idempotency } from "../rest/Idempotency.ts"
import { InvalidRequests } from "../rest/InvalidRequests.ts"
import { problems } from "../rest/Problem.ts"
import { AuditApi } from "./AuditApi.ts"
import { BlocksApi } from "./BlocksApi.ts"
import { ReportsApi } from "./ReportsApi.ts"
import { RevocationsApi } from "./RevocationsApi.ts"

const TreeNode = Schema.Struct({
  id: Schema.String,
  path: Schema.String,
  type: Schema.Literals(["worker", "supervisor"]),
  state: Schema.String,
  restarts: Schema.Int,
  uptime_ms: Schema.NullOr(Schema.Number),
  mailbox_depth: Schema.NullOr(Schema.Int),
  last_exit: Schema.NullOr(Schema.String),
  child_count: Schema.NullOr(Schema.Int)
}).annotate({ identifier: "TreeNode" })
export type TreeNode = typeof TreeNode.Type

class ProcessesApi extends HttpApiGroup.make("processes").add(
  HttpApiEndpoint.get("tree", "/api/v1/admin/tree", {
    success: Schema.Struct({ drawing: Schema.Array(Schema.String), nodes: Schema.Array(TreeNode) }),
    error: problems(403, 503)
  })
) {}

export class AdminApi extends HttpApi.make("admin")
  .add(ProcessesApi, AuditApi, RevocationsApi, BlocksApi, ReportsApi)
  .middleware(InvalidRequests)
  .middleware(Idempotency)
  .middleware(Authorization) {}
