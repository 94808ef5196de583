/** What a call knows of the connection it came over. */
import { Context, Effect, type Scope } from "effect"
import type { StreamHost } from "../../actors/conversation/ConversationStream.ts"
import {
  type Forbidden,
  type Overloaded,
  type RateLimited,
  TokenRejected,
  type Unavailable,
  type UserBlocked
} from "../../domain/Errors.ts"
import type { Caller } from "../../domain/Identity.ts"

/** Why a caller is turned away, whatever they want. */
export type Rejection = TokenRejected | Forbidden | UserBlocked | RateLimited | Overloaded | Unavailable

export interface Connection {
  readonly identify: Effect.Effect<Caller, Rejection>
  /** The session that streams belong to; over HTTP it lasts as long as the scope. */
  readonly host: Effect.Effect<StreamHost, Rejection, Scope.Scope>
  /** Calls under way, streams not counted. */
  underWay: number
}

const missing = Effect.fail(new TokenRejected({ reason: "missing" }))

/** Without one, nobody calls. */
export const Connection = Context.Reference<Connection>("messaging-service/edges/rpc/Connection", {
  defaultValue: () => ({ identify: missing, host: missing, underWay: 0 })
})
