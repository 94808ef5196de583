/** Serves the admin API. Here: the supervision tree as it is at this moment. */
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Unavailable } from "../../domain/Errors.ts"
import { draw, flatten, type TreeNode as Node } from "../../supervisors/Introspection.ts"
import { Tree } from "../../supervisors/Tree.ts"
import * as Authorization from "../rest/Authorization.ts"
import * as Idempotency from "../rest/Idempotency.ts"
import * as InvalidRequests from "../rest/InvalidRequests.ts"
import { answerRefusals } from "../rest/Problem.ts"
import { AdminApi, type TreeNode } from "./AdminApi.ts"
import { makeAdminOnly } from "./AdminOnly.ts"
import * as AuditRoutes from "./AuditRoutes.ts"
import * as BlockRoutes from "./BlockRoutes.ts"
import * as ReportRoutes from "./ReportRoutes.ts"
import * as RevocationRoutes from "./RevocationRoutes.ts"

const shown = (node: Node): TreeNode => ({
  id: node.id,
  path: node.path,
  type: node.type,
  state: node.state,
  restarts: node.restarts,
  uptime_ms: node.uptimeMs ?? null,
  mailbox_depth: node.mailboxDepth ?? null,
  last_exit: node.lastExit ?? null,
  child_count: node.childCount ?? null
})

const handlers = HttpApiBuilder.group(
  AdminApi,
  "processes",
  Effect.fnUntraced(function* (handlers) {
    const tree = yield* Tree
    const adminOnly = yield* makeAdminOnly
    return handlers.handleAll({
      tree: Effect.fn("Admin.tree")(function* () {
        yield* adminOnly
        const root = tree.snapshot()
        if (root === undefined) return yield* new Unavailable({ what: "tree" })
        return { drawing: draw(root).split("\n"), nodes: flatten(root).map(shown) }
      }, answerRefusals)
    })
  })
)

/** Needs Tree, AuditLog, Revocations, Blocks, Admission, ReportStore, IdempotencyStore and TokenVerifier. */
export const layer = HttpApiBuilder.layer(AdminApi).pipe(
  Layer.provide([handlers, AuditRoutes.layer, RevocationRoutes.layer, BlockRoutes.layer, ReportRoutes.layer]),
  Layer.provide([Authorization.layer, Idempotency.layer, InvalidRequests.layer])
)
