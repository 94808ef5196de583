/** Where one is connected, and signing out, served by the SignIns of this service. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { SignIns } from "../../../actors/SignIns.ts"
import { Api } from "../Api.ts"
import { CurrentIdentity } from "../Authorization.ts"
import { answerRefusals } from "../Problem.ts"

const at = (ms: number): string => new Date(ms).toISOString()

export const layer = HttpApiBuilder.group(
  Api,
  "signIns",
  Effect.fnUntraced(function* (handlers) {
    const signIns = yield* SignIns
    return handlers.handleAll({
      sessions: Effect.fn("Rest.signIns.sessions")(function* () {
        const me = yield* CurrentIdentity
        const items = (yield* signIns.sessions(me)).map(({ connectedAt, deviceId, sessionId }) => ({
          session_id: sessionId,
          device_id: deviceId,
          connected_at: at(connectedAt),
          is_current: deviceId === me.deviceId
        }))
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
        const items = (yield* signIns.devices(me)).map(({ connectedAt, deviceId, sessions }) => ({
          device_id: deviceId,
          connected_at: at(connectedAt),
          session_count: sessions,
          is_current: deviceId === me.deviceId
        }))
        return { items, next_cursor: null }
      }, answerRefusals),

      endDevice: Effect.fn("Rest.signIns.endDevice")(function* ({ params }) {
        yield* signIns.endDevice(yield* CurrentIdentity, params.device_id)
      }, answerRefusals)
    })
  })
)
