/** Who is blocked, what users have left of their limits, and unblocking. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { UserId } from "../../domain/Ids.ts"
import { actions, rules } from "../../domain/Limits.ts"
import { Timestamp } from "../../domain/Message.ts"
import { problems } from "../rest/Problem.ts"

export const BlockView = Schema.Struct({
  type: Schema.Literals(["user", "address"]),
  /** The user's id; the address, or the network of an IPv6 address. */
  subject: Schema.String,
  rule: Schema.Literals(rules),
  level: Schema.Int,
  since: Timestamp,
  until: Timestamp
}).annotate({ identifier: "Block" })
export type BlockView = typeof BlockView.Type

const LimitView = Schema.Struct({
  action: Schema.Literals(actions),
  limit: Schema.Int,
  window_ms: Schema.Int,
  remaining: Schema.Int,
  resets_in_ms: Schema.Int
}).annotate({ identifier: "Limit" })

const trust_level = Schema.optionalKey(Schema.Literals(["suspect", "normal", "verified", "premium"]))

export class BlocksApi extends HttpApiGroup.make("blocks")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/admin/blocks", {
      success: Schema.Struct({ items: Schema.Array(BlockView), next_cursor: Schema.Null }),
      error: problems(403, 503)
    }).annotateMerge(
      OpenApi.annotations({ summary: "Who is blocked now: up to 1000, those whose block ends last first" })
    ),
    HttpApiEndpoint.get("limits", "/api/v1/admin/users/:user_id/limits", {
      params: { user_id: UserId },
      query: { trust_level },
      success: Schema.Struct({ block: Schema.NullOr(BlockView), limits: Schema.Array(LimitView) }),
      error: problems(400, 403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "A user's block, and what they have left of each limit",
        description:
          "As far as this node knows; for the trust level in the query, `normal` without one. A block that has ended is shown as long as it makes the next one longer."
      })
    ),
    HttpApiEndpoint.delete("lift", "/api/v1/admin/blocks", {
      query: { user_id: Schema.optionalKey(UserId), address: Schema.optionalKey(Schema.String) },
      success: HttpApiSchema.NoContent,
      error: problems(400, 403, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Unblock a user or an address",
        description: "On every node, at once. Their next block is a first one again."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Blocks and limits" })) {}
