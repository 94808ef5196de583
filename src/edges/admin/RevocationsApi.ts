/** Revoking the tokens of others. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { DeviceId, UserId } from "../../domain/Ids.ts"
import { Timestamp } from "../../domain/Message.ts"
import { TokenId } from "../../domain/Revocation.ts"
import { problems } from "../rest/Problem.ts"

const OneToken = Schema.Struct({ token_id: TokenId })
const AllOfUser = Schema.Struct({ user_id: UserId, device_id: Schema.optionalKey(DeviceId) })

export const RevocationView = Schema.Struct({
  kind: Schema.Literals(["token", "device", "user"]),
  token_id: Schema.optionalKey(TokenId),
  user_id: Schema.optionalKey(UserId),
  device_id: Schema.optionalKey(DeviceId),
  before: Timestamp
}).annotate({ identifier: "Revocation" })

export class RevocationsApi extends HttpApiGroup.make("revocations")
  .add(
    HttpApiEndpoint.post("create", "/api/v1/admin/revocations", {
      payload: Schema.Union([AllOfUser, OneToken]).annotate({ identifier: "NewRevocation" }),
      success: RevocationView.pipe(HttpApiSchema.status(201)),
      error: problems(400, 403, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Revokes one token, or logs a user or a device of theirs out",
        description:
          "One token by its `jti`; or all that a user, or one device of theirs, was issued until now. Their sockets are closed on every node."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Revocations" })) {}
