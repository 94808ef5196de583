/** The REST API as a whole: one group per resource, under /api/v1; the health endpoints beside it. */
import { HttpApi, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"
import { AttachmentsApi } from "./api/AttachmentsApi.ts"
import { ConversationsApi } from "./api/ConversationsApi.ts"
import { DraftsApi } from "./api/DraftsApi.ts"
import { GroupsApi } from "./api/GroupsApi.ts"
import { HealthApi } from "./api/HealthApi.ts"
import { MeApi } from "./api/MeApi.ts"
import { MembersApi } from "./api/MembersApi.ts"
import { MessagesApi } from "./api/MessagesApi.ts"
import { PinsApi } from "./api/PinsApi.ts"
import { PresenceApi } from "./api/PresenceApi.ts"
import { ReactionsApi } from "./api/ReactionsApi.ts"
import { ReportsApi } from "./api/ReportsApi.ts"
import { ScheduledMessagesApi } from "./api/ScheduledMessagesApi.ts"
import { SettingsApi } from "./api/SettingsApi.ts"
import { SignInsApi } from "./api/SignInsApi.ts"
import { SocketTicketsApi } from "./api/SocketTicketsApi.ts"
import { StatusesApi } from "./api/StatusesApi.ts"
import { Idempotency } from "./Idempotency.ts"
import { InvalidRequests } from "./InvalidRequests.ts"
import { asClientsSeeIt } from "./OpenApiDocument.ts"

const description = `Conversations, members and messages. The same operations go over the Phoenix channels; a
message sent here reaches every socket.

Ids are UUIDs, times ISO 8601 in UTC with milliseconds. A list is \`{items, next_cursor}\`. Unknown fields are
ignored. Every error is a problem document (RFC 9457) with a \`reason\` for programs and a \`request_id\`, which is
also in the response's \`x-request-id\` and in the server's log.

A POST may carry an \`Idempotency-Key\` of 1 to 255 characters, such as a UUID. Within a day the same user's same request
under the same key is not done again: it gets the first answer, with \`Idempotency-Replayed: true\`. (A message, a
reaction, an attachment, a pin and a ticket are answered as they are now, without that header.) Another request under
the key is answered 422, and one that comes while the first is under way 409. What was refused is not remembered.`

export class Api extends HttpApi.make("messaging")
  .add(
    ConversationsApi,
    MembersApi,
    GroupsApi,
    SettingsApi,
    MessagesApi,
    ReactionsApi,
    PinsApi,
    AttachmentsApi,
    ScheduledMessagesApi,
    DraftsApi,
    ReportsApi,
    StatusesApi,
    PresenceApi,
    SocketTicketsApi,
    MeApi,
    SignInsApi
  )
  .prefix("/api/v1")
  .middleware(InvalidRequests)
  .middleware(Idempotency)
  .middleware(Authorization)
  .add(HealthApi)
  // All wrong fields of a request at once, not one after the other.
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({ title: "messaging-service", version: "1", description, transform: asClientsSeeIt })
  ) {}
