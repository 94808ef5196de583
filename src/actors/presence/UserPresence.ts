/**
 * Who of those whom one shares a conversation with is there, on whichever node: asked once (`of`), or watched by a
 * connection (`watch`). Whoever shares none is left out of every answer as if there were no such user, so that nobody can
 * find out about strangers.
 *
 * It stands on the presence of each user's own topic, which is as right as presence is: with several devices, when a node
 * is killed, and without Redis. What a watcher may be told is decided when it asks, and again whenever that may have
 * changed: somebody has left a conversation or changed their preferences, or such news may have been missed.
 */
import { Clock, Context, Effect, FiberSet, Layer, Schedule, Semaphore } from "effect"
import { InvalidInput, type Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { UserId } from "../../domain/Ids.ts"
import * as LiveMetrics from "../../domain/LiveMetrics.ts"
import type { Meta } from "../../domain/Presence.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import { PresenceCache } from "../../domain/ports/PresenceCache.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import * as Topic from "../../domain/Topic.ts"
import { type UserPresence as Shown, type Standing, standing } from "../../domain/UserPresence.ts"
import type { Limited } from "../conversation/Conversations.ts"
import { TopicHub } from "../topic/TopicHub.ts"
import { LastSeen } from "../user/LastSeen.ts"
import { PresenceTracker } from "./PresenceTracker.ts"
import { type Seeing, Watched, WatchList } from "./WatchList.ts"

export interface UserPresenceOptions {
  /** Users whom one connection may watch, or one question may name. */
  readonly maxWatched: number
}

/** What other nodes have not said by then is not waited for. */
const PATIENCE = "3 seconds"

/** Watch lists that are looked through again at a time. */
const CONCURRENCY = 8

const retry = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered
)

export class UserPresence extends Context.Service<
  UserPresence,
  {
    /** In no order; without those whom the viewer shares no conversation with. */
    readonly of: (
      viewer: Identity,
      userIds: ReadonlyArray<UserId>
    ) => Effect.Effect<ReadonlyArray<Shown>, InvalidInput | Limited | Unavailable>
    /** A list that is empty to begin with. `tell` answers whether it could be told. */
    readonly watch: (viewer: Identity, tell: (presence: Shown) => boolean) => Effect.Effect<WatchList>
  }
>()("messaging-service/actors/presence/UserPresence") {}

const shown = (userId: UserId, { isStale, status }: Standing, lastSeen: number | undefined): Shown => ({
  user_id: userId,
  status,
  last_seen: status !== "offline" || lastSeen === undefined ? null : new Date(lastSeen).toISOString(),
  ...(isStale ? { stale: true } : {})
})

export const layer = ({ maxWatched }: UserPresenceOptions) =>
  Layer.effect(
    UserPresence,
    Effect.gen(function* () {
      const hub = yield* TopicHub
      const tracker = yield* PresenceTracker
      const cache = yield* PresenceCache
      const store = yield* ConversationStore
      const admission = yield* Admission
      const lastSeen = yield* LastSeen
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime<never>()
      const rechecking = Semaphore.makeUnsafe(CONCURRENCY)
      const watched = new Map<UserId, Watched>()
      yield* LiveMetrics.gauge({
        id: "presence_watched_users",
        description: "Users who are watched by connections of this node",
        value: () => watched.size
      })

      /** Each once. Those that are known already are asked for at no cost. */
      const admit = Effect.fnUntraced(function* (
        viewer: Identity,
        userIds: ReadonlyArray<UserId>,
        isKnown: (userId: UserId) => boolean = () => false
      ) {
        const wanted = Array.from(new Set(userIds))
        if (wanted.length > maxWatched) {
          const message = `Expected at most ${maxWatched} users`
          return yield* new InvalidInput({ issues: [{ path: "user_ids", message }] })
        }
        const units = wanted.filter((userId) => !isKnown(userId)).length
        if (units > 0) yield* wait(admission.act(viewer, "presence", units))
        return wanted
      })

      const sharing = (viewer: UserId, userIds: ReadonlyArray<UserId>) =>
        userIds.length === 0 ? Effect.succeed([]) : store.sharing(viewer, userIds)

      const here = (userId: UserId): Standing =>
        standing(tracker.metasOf(Topic.ofUser(userId), userId), tracker.isCut())

      /** Of those who are not followed on this node the other nodes know. */
      const elsewhere = (userIds: ReadonlyArray<UserId>) =>
        userIds.length === 0
          ? Effect.succeed(here)
          : Effect.match(cache.read(userIds.map(Topic.ofUser)), {
              onSuccess:
                ({ held }) =>
                (userId: UserId) =>
                  standing(held.get(Topic.ofUser(userId))?.map(({ meta }): Meta => meta) ?? [], false),
              onFailure: () => () => standing([], true)
            })

      const seenBy = Effect.fnUntraced(function* (viewer: UserId, userIds: ReadonlyArray<UserId>) {
        const [own, ...others] = yield* Effect.forEach([viewer, ...userIds], lastSeen.of, {
          concurrency: "unbounded"
        })
        const byUser = new Map(userIds.map((userId, i) => [userId, others[i]!]))
        return (userId: UserId, is: Standing): Shown => {
          const { at = 0, isHidden = true } = byUser.get(userId) ?? {}
          const latest = Math.max(at, watched.get(userId)?.leftAt ?? 0)
          return shown(userId, is, isHidden || own?.isHidden === true || latest === 0 ? undefined : latest)
        }
      })

      const whole = (userId: UserId) =>
        Effect.callback<void>((resume) => {
          tracker.whenWhole(Topic.ofUser(userId), () => resume(Effect.void))
        })

      const seeing: Seeing = {
        here,
        admit,
        sharing,
        seenBy,
        now: () => clock.currentTimeMillisUnsafe(),
        /** Subscribed to before it is followed, and with it read: nothing falls between. */
        follow: (userId) => {
          let one = watched.get(userId)
          if (one === undefined) {
            one = new Watched(userId, seeing)
            watched.set(userId, one)
            hub.subscribe(Topic.ofPresence(userId), one)
            one.ending = tracker.watch(Topic.ofUser(userId), () => one?.changed())
          }
          return one
        },
        unfollow: (one) => {
          if (one.lists.size > 0 || watched.get(one.userId) !== one) return
          watched.delete(one.userId)
          one.ending()
          hub.unsubscribe(Topic.ofPresence(one.userId), one)
        },
        whole: (userIds) =>
          Effect.forEach(userIds, whole, { concurrency: "unbounded", discard: true }).pipe(
            Effect.timeoutOption(PATIENCE),
            Effect.asVoid
          ),
        later: (recheck) => run(rechecking.withPermit(Effect.retry(recheck, retry)).pipe(Effect.ignore)),
        run: (effect) => void run(effect)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          tracker.onCut(() => {
            for (const one of watched.values()) one.changed()
          })
        ),
        (remove) => Effect.sync(remove)
      )

      return UserPresence.of({
        of: Effect.fn("UserPresence.of")(function* (viewer, userIds) {
          const known = yield* sharing(viewer.userId, yield* admit(viewer, userIds))
          const unknown = known.filter((userId) => !tracker.isFollowed(Topic.ofUser(userId)))
          yield* seeing.whole(known)
          const [abroad, see] = yield* Effect.all([elsewhere(unknown), seenBy(viewer.userId, known)], {
            concurrency: "unbounded"
          })
          return known.map((userId) =>
            see(userId, tracker.isFollowed(Topic.ofUser(userId)) ? here(userId) : abroad(userId))
          )
        }),
        watch: (viewer, tell) => Effect.sync(() => new WatchList(viewer, seeing, tell))
      })
    })
  )
