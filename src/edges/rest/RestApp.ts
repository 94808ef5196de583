/** Everything this edge serves, as one layer of routes. `HttpEdge.listener` makes a request listener of it. */
import { Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { Api } from "./Api.ts"
import * as Authorization from "./Authorization.ts"
import * as Docs from "./Docs.ts"
import * as Attachments from "./handlers/Attachments.ts"
import * as Conversations from "./handlers/Conversations.ts"
import * as Drafts from "./handlers/Drafts.ts"
import * as Groups from "./handlers/Groups.ts"
import * as Health from "./handlers/Health.ts"
import * as Me from "./handlers/Me.ts"
import * as Members from "./handlers/Members.ts"
import * as Messages from "./handlers/Messages.ts"
import * as Pins from "./handlers/Pins.ts"
import * as Presence from "./handlers/Presence.ts"
import * as Reactions from "./handlers/Reactions.ts"
import * as Reports from "./handlers/Reports.ts"
import * as ScheduledMessages from "./handlers/ScheduledMessages.ts"
import * as Settings from "./handlers/Settings.ts"
import * as SignIns from "./handlers/SignIns.ts"
import * as SocketTickets from "./handlers/SocketTickets.ts"
import * as Statuses from "./handlers/Statuses.ts"
import * as Idempotency from "./Idempotency.ts"
import * as InvalidRequests from "./InvalidRequests.ts"
import * as StaticFiles from "./StaticFiles.ts"

export interface RestAppOptions {
  /** The folder with the demo page. Default: this package's `web`. */
  readonly webRoot?: string | undefined
}

const api = HttpApiBuilder.layer(Api, { openapiPath: "/api/openapi.json" }).pipe(
  Layer.provide([
    Conversations.layer,
    Members.layer,
    Groups.layer,
    Settings.layer,
    Messages.layer,
    SocketTickets.layer,
    SignIns.layer,
    Reactions.layer,
    Pins.layer,
    Attachments.layer,
    ScheduledMessages.layer,
    Me.layer,
    Drafts.layer,
    Reports.layer,
    Statuses.layer,
    Presence.layer,
    Health.layer
  ]),
  Layer.provide([Authorization.layer, Idempotency.layer, InvalidRequests.layer])
)

/** REST, health, metrics, documentation and the demo page. Needs the application services, TokenVerifier, Admission, IdempotencyStore and Health. */
export const routes = (options?: RestAppOptions) =>
  Layer.mergeAll(
    api,
    Docs.layer,
    PrometheusMetrics.layerHttp({ path: "/metrics" }),
    StaticFiles.layer(options?.webRoot ?? StaticFiles.WEB_ROOT)
  )
