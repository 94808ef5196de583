/** Tokens for whoever asks. Mounted in dev and test only; elsewhere these paths do not exist. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { DevToken, DevTokenRequest } from "../../../domain/ports/DevIssuer.ts"
import { InvalidRequests } from "../InvalidRequests.ts"
import { problems } from "../Problem.ts"

const Jwks = Schema.Struct({ keys: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) })

class TokensApi extends HttpApiGroup.make("tokens").add(
  HttpApiEndpoint.post("issue", "/dev/token", {
    // A request without a body asks for anybody's token.
    payload: [DevTokenRequest, Schema.Null],
    success: DevToken,
    error: problems(503)
  }),
  HttpApiEndpoint.get("jwks", "/.well-known/jwks.json", { success: Jwks })
) {}

export class DevApi extends HttpApi.make("dev")
  .add(TokensApi)
  .middleware(InvalidRequests)
  .annotate(HttpApi.ParseOptions, { errors: "all" }) {}
