/** Where one is connected, and signing out. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { DeviceId, SessionId } from "../../../domain/Ids.ts"
import { Timestamp } from "../../../domain/Message.ts"
import { problems } from "../Problem.ts"

const isCurrent = Schema.Boolean.annotate({ description: "Whether it is the device that asks" })

const ConnectedSession = Schema.Struct({
  session_id: SessionId,
  device_id: DeviceId,
  connected_at: Timestamp,
  is_current: isCurrent
}).annotate({ identifier: "ConnectedSession" })

const ConnectedDevice = Schema.Struct({
  device_id: DeviceId,
  connected_at: Timestamp,
  session_count: Schema.Int,
  is_current: isCurrent
}).annotate({ identifier: "ConnectedDevice" })

const listOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ items: Schema.Array(item), next_cursor: Schema.Null })

export class SignInsApi extends HttpApiGroup.make("signIns")
  .add(
    HttpApiEndpoint.get("sessions", "/me/sessions", {
      success: listOf(ConnectedSession),
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "One's open connections, on all nodes, oldest first" })),
    HttpApiEndpoint.delete("endSession", "/me/sessions/:session_id", {
      params: { session_id: SessionId },
      success: HttpApiSchema.NoContent,
      error: problems(400, 404, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Signs one connection out",
        description: "Revokes the token it goes on with, and so closes all that were opened with that token."
      })
    ),
    HttpApiEndpoint.delete("endAll", "/me/sessions", {
      success: HttpApiSchema.NoContent,
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Signs out everywhere",
        description: "Revokes all that was issued until now, the token of this request included."
      })
    ),
    HttpApiEndpoint.get("devices", "/me/devices", {
      success: listOf(ConnectedDevice),
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "One's connected devices" })),
    HttpApiEndpoint.delete("endDevice", "/me/devices/:device_id", {
      params: { device_id: DeviceId },
      success: HttpApiSchema.NoContent,
      error: problems(400, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Signs a device out, connected or not",
        description: "Revokes what it was issued until now. Its next login is good."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Sessions and devices" })) {}
