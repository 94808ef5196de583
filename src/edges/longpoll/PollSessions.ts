/**
 * The long-poll sessions of this process, by their tokens. A session that nobody polls is ended; one that the server
 * closed stays until its next poll, which is told so, or until it counts as silent too.
 */
import { Clock, Duration, Effect } from "effect"
import { Sessions } from "../../actors/session/Sessions.ts"
import type { Accepted } from "../websocket/Connect.ts"
import { PollSession } from "./PollSession.ts"
import { makeSigner } from "./SessionToken.ts"

export interface PollSessions {
  /** This process, in the tokens of its sessions. */
  readonly node: string
  /** `undefined` when this node takes no more connections. */
  readonly open: (accepted: Accepted) => PollSession | undefined
  readonly find: (token: string | undefined) => PollSession | undefined
  readonly forget: (session: PollSession) => void
}

/** `silence`: without a poll for this long, and up to twice as long, a session ends. */
export const make = Effect.fnUntraced(function* (silence: Duration.Duration) {
  const sessions = yield* Sessions
  const clock = yield* Clock.Clock
  const signer = makeSigner()
  const byId = new Map<string, PollSession>()
  const now = () => clock.currentTimeMillisUnsafe()

  const endSilent = Effect.sync(() => {
    const deadline = now() - Duration.toMillis(silence)
    for (const session of byId.values()) {
      if (session.lastPolledAt >= deadline) continue
      byId.delete(session.id)
      session.close()
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.delay(endSilent, silence)))

  return {
    node: signer.node,
    open: ({ identity, place, serializer }) => {
      const { id, token } = signer.issue(now())
      const session = new PollSession(id, token, serializer, now)
      const handle = sessions.open({ identity, place, serializer, transport: session, flow: session })
      if (handle === undefined) return undefined
      session.handle = handle
      byId.set(id, session)
      return session
    },
    find: (token) => {
      const id = token === undefined ? undefined : signer.verify(token, now())
      return id === undefined ? undefined : byId.get(id)
    },
    forget: ({ id }) => void byId.delete(id)
  } satisfies PollSessions
})
