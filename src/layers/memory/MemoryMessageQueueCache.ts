/** The queues of a single node. They do not survive a restart; devices are then told to reset. */
import { Clock, Effect, Layer } from "effect"
import { Conflict } from "../../domain/Errors.ts"
import type { ConversationId, DeviceId, UserId } from "../../domain/Ids.ts"
import {
  MessageQueueCache,
  type QueueEntry,
  type QueueOptions,
  type QueueStatus
} from "../../domain/ports/MessageQueueCache.ts"
import { isAfter, latest, millisOf, positionAt, START } from "../../domain/SyncCursor.ts"

/** Users with a queue. The one whose devices were away longest makes room. */
const MAX_QUEUES = 100_000

interface Device {
  cursor: string
  mark: string
  token: number
}

class UserQueue {
  readonly devices = new Map<DeviceId, Device>()
  /** The newest entry of each conversation. */
  readonly tails = new Map<ConversationId, string>()
  entries: Array<QueueEntry> = []
  /** The furthest that any device was told. */
  told = START
  trimmed = START
  #last = START
  expiresAt = 0

  /** As Redis does it: never back, whatever the clock says. */
  #nextId(now: number): string {
    const millis = millisOf(this.#last)
    if (now > millis) return `${now}-0`
    return `${millis}-${Number(this.#last.slice(this.#last.indexOf("-") + 1)) + 1}`
  }

  add(conversationId: ConversationId, fromSeq: number, now: number): void {
    const tail = this.tails.get(conversationId)
    if (tail !== undefined && isAfter(tail, this.told)) return
    const id = this.#nextId(now)
    this.#last = id
    this.entries.push({ id, conversationId, fromSeq })
    this.tails.set(conversationId, id)
  }

  end(now: number): string {
    return latest(this.#last, positionAt(now - 1))
  }

  drop(count: number): void {
    for (const { conversationId, id } of this.entries.splice(0, count)) {
      if (this.tails.get(conversationId) === id) this.tails.delete(conversationId)
    }
  }
}

const furthestBehind = (devices: ReadonlyMap<DeviceId, Device>, except?: DeviceId): DeviceId | undefined => {
  let found: DeviceId | undefined
  for (const [id, { cursor }] of devices) {
    if (id === except) continue
    if (found === undefined || isAfter(devices.get(found)!.cursor, cursor)) found = id
  }
  return found
}

export const layer = (options: QueueOptions) =>
  Layer.sync(MessageQueueCache, () => {
    // Whose device was there last is last.
    const queues = new Map<UserId, UserQueue>()

    const alive = (userId: UserId, now: number): UserQueue | undefined => {
      const queue = queues.get(userId)
      if (queue === undefined || queue.expiresAt > now) return queue
      queues.delete(userId)
      return undefined
    }

    const touch = (userId: UserId, queue: UserQueue, now: number): void => {
      queue.expiresAt = now + options.lifetime
      queues.delete(userId)
      queues.set(userId, queue)
      for (const [oldest] of queues) {
        if (queues.size <= MAX_QUEUES) return
        queues.delete(oldest)
      }
    }

    const statusOf = (
      queue: UserQueue,
      known: Device | undefined,
      cursor: string | undefined,
      end: string
    ): QueueStatus => {
      if (known === undefined) return cursor === undefined ? "new" : "lost"
      const after = cursor ?? known.cursor
      if (isAfter(after, end)) return "lost"
      return isAfter(queue.trimmed, after) ? "trimmed" : "resumed"
    }

    return MessageQueueCache.of({
      append: (news) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const { conversationId, fromSeq, userId } of news) {
            const queue = alive(userId, now)
            if (queue === undefined) continue
            queue.add(conversationId, fromSeq, now)
            const over = queue.entries.length - options.maxLength
            if (over > 0) {
              queue.trimmed = queue.entries[over - 1]!.id
              queue.drop(over)
            }
          }
        }),

      open: (userId, deviceId, cursor) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const queue = alive(userId, now) ?? new UserQueue()
          touch(userId, queue, now)
          const known = queue.devices.get(deviceId)
          const end = queue.end(now)
          const status = statusOf(queue, known, cursor, end)
          const after = status === "resumed" ? (cursor ?? known!.cursor) : end
          const acknowledged = status === "resumed" ? latest(after, known!.cursor) : end
          const token = Math.max((known?.token ?? 0) + 1, now * 1000)
          const mark = acknowledged === known?.cursor ? known.mark : ""
          queue.devices.set(deviceId, { cursor: acknowledged, mark, token })
          if (queue.devices.size > options.maxDevices)
            queue.devices.delete(furthestBehind(queue.devices, deviceId)!)
          queue.told = latest(queue.told, end)
          return {
            status,
            after,
            end,
            token,
            mark: cursor === undefined ? mark : "",
            entries: queue.entries.filter(({ id }) => isAfter(id, after))
          }
        }),

      ack: Effect.fnUntraced(function* (userId, deviceId, token, cursor, mark) {
        const now = yield* Clock.currentTimeMillis
        const queue = alive(userId, now)
        const device = queue?.devices.get(deviceId)
        if (queue === undefined || device?.token !== token) return yield* new Conflict({ what: "sync" })
        if (!isAfter(device.cursor, cursor)) Object.assign(device, { cursor, mark })
        queue.told = latest(queue.told, cursor)
        touch(userId, queue, now)
        const slowest = queue.devices.get(furthestBehind(queue.devices)!)!.cursor
        const kept = queue.entries.findIndex(({ id }) => isAfter(id, slowest))
        queue.drop(kept < 0 ? queue.entries.length : kept)
      }),

      totals: Effect.map(Clock.currentTimeMillis, (now) => {
        const living = Array.from(queues.values()).filter(({ expiresAt }) => expiresAt > now)
        return {
          users: living.length,
          entries: living.reduce((sum, { entries }) => sum + entries.length, 0)
        }
      })
    })
  })
