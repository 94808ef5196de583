/** Who is there, of those whom one shares a conversation with. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { page } from "../../../domain/Answers.ts"
import { UserId } from "../../../domain/Ids.ts"
import { UserPresence } from "../../../domain/UserPresence.ts"
import { problems } from "../Problem.ts"
import { commaSeparated } from "./Paging.ts"

/** As many as fit into a URL. */
const MAX_USERS = 100

export class PresenceApi extends HttpApiGroup.make("presence")
  .add(
    HttpApiEndpoint.get("list", "/presence", {
      query: { user_ids: commaSeparated(UserId, MAX_USERS) },
      success: page(UserPresence),
      error: problems(429, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Who of these users is there",
        description:
          "`user_ids` are separated by commas, at most a hundred. Always one page, in no order; users whom one shares no conversation with are left out, whether there are such users or not. `last_seen` is told of who is offline, if both have it among their preferences. To be told of changes, `watch_presence` on one's user channel."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Presence" })) {}
