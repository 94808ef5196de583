/**
 * The connected users of this node. A user's actor starts with their first session and ends with their last; the
 * sessions themselves do not wait for it.
 */
import { Context, Effect, FiberSet, Layer } from "effect"
import type { UserId } from "../../domain/Ids.ts"
import type { ChildSpec } from "../../supervisors/ChildSpec.ts"
import type { Process } from "../process/Process.ts"
import * as Registry from "../registry/Registry.ts"
import type { Connected } from "../session/Connected.ts"
import { make as makeBehaviour } from "./UserActor.ts"

/** Past it a join is answered all the same: what is missed until then, the next sync finds. */
const FOLLOW_TIMEOUT = "2 seconds"

export class Users extends Context.Service<
  Users,
  {
    readonly opened: (session: Connected) => void
    readonly closed: (session: Connected) => void
    /** Waits until messages to the user's conversations come as previews; not for long, should storage not answer. */
    readonly following: (userId: UserId) => Effect.Effect<void>
    readonly online: () => number
    /** The supervisor of all user actors, a child of the tree. */
    readonly supervisor: ChildSpec<Process>
  }
>()("messaging-service/actors/user/Users") {}

export const layer = (options: { readonly maxFollowed: number }) =>
  Layer.effect(
    Users,
    Effect.gen(function* () {
      const run = yield* FiberSet.makeRuntime<never>()
      const registry = Registry.make({ id: "UserSupervisor", behaviour: yield* makeBehaviour(options) })
      return Users.of({
        opened: (session) => {
          const { userId } = session.caller.identity
          run(
            registry
              .cast(userId, { _tag: "SessionOpened", session })
              .pipe(
                Effect.catchCause((cause) =>
                  Effect.logError("A user's actor could not be reached", cause).pipe(
                    Effect.annotateLogs({ user_id: userId })
                  )
                )
              )
          )
        },
        closed: (session) => {
          registry.lookup(session.caller.identity.userId)?.castUnsafe({ _tag: "SessionClosed", session })
        },
        following: (userId) =>
          registry
            .call(userId, (reply) => ({ _tag: "Following", reply }), { timeout: FOLLOW_TIMEOUT })
            .pipe(Effect.ignore),
        online: registry.size,
        supervisor: registry.childSpec
      })
    })
  )
