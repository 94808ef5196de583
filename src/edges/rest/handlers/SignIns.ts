/** Where one is connected, and signing out, served by the SignIns of this service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { SignIns } from "../../../actors/session/SignIns.ts"
import { connectedDevice, connectedSession } from "../../Views.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "signIns",
  Effect.fnUntraced(function* (handlers) {
    const signIns = yield* SignIns
    return handlers.handleAll({
      sessions: Effect.fn("Rest.signIns.sessions")(function* () {
        const me = yield* CurrentIdentity
        const items = (yield* signIns.sessions(me)).map(connectedSession(me))
        return { items, next_cursor: null }
      }, answerRefusals),

      endSession: Effect.fn("Rest.signIns.endSession")(function* ({ params }) {
        yield* signIns.endSession(yield* CurrentIdentity, params.session_id)
      }, answerRefusals),

      endAll: Effect.fn("Rest.signIns.endAll")(function* () {
        yield* signIns.endAll(yield* CurrentIdentity)
      }, answerRefusals),

      devices: Effect.fn("Rest.signIns.devices")(function* () {
        const me = yield* CurrentIdentity
        const items = (yield* signIns.devices(me)).map(connectedDevice(me))
        return { items, next_cursor: null }
      }, answerRefusals),

      endDevice: Effect.fn("Rest.signIns.endDevice")(function* ({ params }) {
        yield* signIns.endDevice(yield* CurrentIdentity, params.device_id)
      }, answerRefusals)
    })
  })
)
