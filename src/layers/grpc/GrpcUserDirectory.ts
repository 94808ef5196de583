/**
 * The UserDirectory of the user service, over gRPC. Its answers are remembered (`PermissionCache`); while it is down
 * the last ones hold, and what it was never asked is granted or answered `unavailable`, as configured.
 */
import { hash } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { Forbidden } from "../../domain/Errors.ts"
import type { UserId } from "../../domain/Ids.ts"
import { type Sending, UserDirectory } from "../../domain/ports/UserDirectory.ts"
import * as Peer from "./Peer.ts"
import * as PermissionCache from "./PermissionCache.ts"

/** The connection to the user service, for the supervision tree and the health check. */
export class UserPeer extends Context.Service<UserPeer, Peer.Peer<"user.UserService">>()(
  "messaging-service/layers/grpc/UserPeer"
) {}

export interface UserDirectoryOptions extends Peer.PeerOptions {
  readonly cache: PermissionCache.PermissionCacheOptions
}

/** The peer's own words why stay in its log: they may tell more than the user should know. */
const refusals = {
  send: new Forbidden({ rule: "permission:send" }),
  join: new Forbidden({ rule: "permission:join" }),
  invite: new Forbidden({ rule: "permission:invite" })
}

const idempotent = { idempotent: true }

/** Of a thousand ids a cache should not hold each. */
const digest = (ids: ReadonlyArray<UserId>): string => hash("sha256", ids.join(), "base64")

const grantedOr = (refusal: Forbidden) => (granted: boolean) => (granted ? Effect.void : Effect.fail(refusal))

const make = Effect.fnUntraced(function* (options: UserDirectoryOptions) {
  const peer = yield* Peer.make("user.UserService", "user.proto", "user service", options)
  const cache = yield* PermissionCache.make(options.cache)

  /** To a question that the peer refuses, the answer is no. */
  const asked = <A, E>(call: Effect.Effect<A, E | Peer.PeerRefused>, granted: (answer: A) => boolean) =>
    call.pipe(
      Effect.map(granted),
      Effect.catchIf(
        (error): error is Peer.PeerRefused => error instanceof Peer.PeerRefused,
        (error) => Effect.as(Effect.logDebug("The user service refused", error), false)
      )
    )

  const askToSend = ({ conversationId, messageType, senderId }: Sending, recipients: ReadonlyArray<UserId>) =>
    asked(
      peer.call(
        "ValidateMessagePermissions",
        {
          sender_id: senderId,
          conversation_id: conversationId,
          participant_ids: recipients,
          message_type: messageType
        },
        idempotent
      ),
      ({ blocked_recipients, permission_granted }) =>
        permission_granted && !recipients.some((id) => blocked_recipients.includes(id))
    )

  const directory = UserDirectory.of({
    maySend: (sending, recipients) => {
      const question = `send ${sending.senderId} ${sending.conversationId} ${sending.messageType}`
      const known = cache.recall(question)
      if (known === true) return undefined
      if (known === false) return Effect.fail(refusals.send)
      return cache
        .ask(
          question,
          Effect.flatMap(recipients, (ids) => askToSend(sending, ids))
        )
        .pipe(Effect.flatMap(grantedOr(refusals.send)))
    },

    mayJoin: (userId, conversationId) =>
      cache
        .ask(
          `join ${userId} ${conversationId}`,
          asked(
            peer.call(
              "ValidateConversationAccess",
              { user_id: userId, conversation_id: conversationId, action: "join" },
              idempotent
            ),
            ({ access_granted }) => access_granted
          )
        )
        .pipe(Effect.flatMap(grantedOr(refusals.join))),

    mayInvite: (userId, others) =>
      others.length === 0
        ? Effect.void
        : cache
            .ask(
              `invite ${userId} ${digest(others)}`,
              asked(
                peer.call("CheckUserBlocks", { user_id: userId, target_user_ids: others }, idempotent),
                ({ has_blocked, is_blocked }) =>
                  !others.some((id) => is_blocked[id] === true || has_blocked[id] === true)
              )
            )
            .pipe(Effect.flatMap(grantedOr(refusals.invite)))
  })
  return Context.make(UserDirectory, directory).pipe(Context.add(UserPeer, peer))
})

export const layer = (options: UserDirectoryOptions) => Layer.effectContext(make(options))
