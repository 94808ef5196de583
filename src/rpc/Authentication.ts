/**
 * Who calls: whoever the connection's token says, or, over HTTP, the request's. No payload names a caller. What refuses a
 * token, or turns a caller away before it is asked what they want, may be the answer to every operation.
 */
import { Context, Schema } from "effect"
import { RpcMiddleware } from "effect/rpc"
import {
  Forbidden,
  Overloaded,
  RateLimited,
  TokenRejected,
  Unavailable,
  UserBlocked
} from "../domain/Errors.ts"
import type { Caller } from "../domain/Identity.ts"

export class CurrentCaller extends Context.Service<CurrentCaller, Caller>()(
  "messaging-service/rpc/CurrentCaller"
) {}

export class Authentication extends RpcMiddleware.Service<Authentication, { provides: CurrentCaller }>()(
  "messaging-service/rpc/Authentication",
  { error: Schema.Union([TokenRejected, Forbidden, UserBlocked, RateLimited, Overloaded, Unavailable]) }
) {}
