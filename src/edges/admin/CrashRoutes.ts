/**
 * Crashes a part of the running service on purpose, by its path in the tree: how tests show that supervision does what
 * it says. Mounted when `APP_ENV` is `test`, and nowhere else.
 */
import { Effect, Layer, Schema } from "effect"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { NotFound } from "../../domain/Errors.ts"
import { Tree } from "../../supervisors/Tree.ts"
import * as InvalidRequests from "../rest/InvalidRequests.ts"
import { answerRefusals, problems } from "../rest/Problem.ts"

class CrashGroup extends HttpApiGroup.make("crash").add(
  HttpApiEndpoint.post("crash", "/test/crash", {
    payload: Schema.Struct({ path: Schema.String }),
    success: Schema.Struct({ crashed: Schema.String }),
    error: problems(404)
  })
) {}

class CrashApi extends HttpApi.make("crash").add(CrashGroup).middleware(InvalidRequests.InvalidRequests) {}

const handlers = HttpApiBuilder.group(
  CrashApi,
  "crash",
  Effect.fnUntraced(function* (handlers) {
    const tree = yield* Tree
    return handlers.handleAll({
      crash: Effect.fn("Test.crash")(function* ({ payload: { path } }) {
        const process = tree.find(path)
        if (process === undefined) return yield* new NotFound({ what: "process" })
        process.kill()
        return { crashed: path }
      }, answerRefusals)
    })
  })
)

/** Needs Tree. */
export const layer = HttpApiBuilder.layer(CrashApi).pipe(
  Layer.provide(handlers),
  Layer.provide(InvalidRequests.layer)
)
