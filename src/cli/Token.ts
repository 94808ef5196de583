/** `messaging-service token`: a token of the dev issuer, as `POST /dev/token` gives it, without a running service. */
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { TrustLevel } from "../domain/Identity.ts"
import { DeviceId, UserId } from "../domain/Ids.ts"
import { app } from "./Program.ts"
import { json, print } from "./Report.ts"

const flags = {
  user: Flag.String("user").pipe(
    Flag.withDescription("The user's id, a UUID; one is made up when it is left out"),
    Flag.withSchema(UserId),
    Flag.optional
  ),
  device: Flag.String("device").pipe(
    Flag.withDescription("The device's id; one is made up when it is left out"),
    Flag.withSchema(DeviceId),
    Flag.optional
  ),
  trust: Flag.Literals("trust", TrustLevel.literals).pipe(
    Flag.withDescription("How far the user is trusted"),
    Flag.optional
  ),
  scope: Flag.String("scope").pipe(Flag.withDescription("Space-separated, such as admin"), Flag.optional),
  json
}

export const token = Command.make(
  "token",
  flags,
  Effect.fnUntraced(function* ({ device, json, scope, trust, user }) {
    const issued = yield* (yield* app).devToken({
      ...(Option.isSome(user) && { user_id: user.value }),
      ...(Option.isSome(device) && { device_id: device.value }),
      ...(Option.isSome(trust) && { trust_level: trust.value }),
      ...(Option.isSome(scope) && { scope: scope.value })
    })
    yield* print(json, issued, [issued.token])
  })
).pipe(Command.withDescription("Print a token of the dev issuer (not where APP_ENV is prod or kube)"))
