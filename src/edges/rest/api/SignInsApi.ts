/** Where one is connected, and signing out. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ConnectedDevice, ConnectedSession, listOf } from "../../../domain/Answers.ts"
import { DeviceId, SessionId } from "../../../domain/Ids.ts"
import { problems } from "../Problem.ts"

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
