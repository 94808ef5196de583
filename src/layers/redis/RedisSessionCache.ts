/**
 * The connections of all nodes, in `session_pool`: per user an index by the end of the lease, and the records; per address
 * an index alone. Redis's own clock counts, so that nodes need not agree on the time. Both keys of a user are in one slot
 * of a cluster; an address has another, and is asked first.
 */
import { Duration, Effect, Layer } from "effect"
import type { UserId } from "../../domain/Ids.ts"
import {
  type ConnectedSession,
  SessionCache,
  tooManyConnections,
  tooManyDevices,
  tooManyOfAddress
} from "../../domain/ports/SessionCache.ts"
import { Redis } from "./Redis.ts"
import * as RedisScript from "./RedisScript.ts"

const keysOf = (userId: UserId) => [`messaging:sessions:{${userId}}`, `messaging:session-records:{${userId}}`]

const addressKey = (address: string): string => `messaging:address-sessions:${address}`

/** A place among those of an address: session, lease, limit. One that it has already is renewed whatever the limit. */
const placeScript = `
${RedisScript.now}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

/** Forgets what nobody has renewed. */
const prune = `
${RedisScript.now}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end`

const put = `
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 'ok'`

const renewScript = `${prune}${put}`

const openScript = `${prune}
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[6]) then return 'connections' end
local devices, count = {}, 0
for _, record in ipairs(redis.call('HVALS', KEYS[2])) do
  local device = cjson.decode(record).deviceId
  if not devices[device] then
    devices[device] = true
    count = count + 1
  end
end
if not devices[ARGV[4]] and count >= tonumber(ARGV[5]) then return 'devices' end
${put}`

const closeScript = `
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('HDEL', KEYS[2], ARGV[1])`

const listScript = `${prune}
return redis.call('HVALS', KEYS[2])`

export const layer = (options: { readonly lease: Duration.Duration }) =>
  Layer.effect(
    SessionCache,
    Effect.map(Redis, ({ session: pool }) => {
      const lease = Duration.toMillis(options.lease)
      const scriptOfUser = (text: string) => {
        const run = RedisScript.make(pool, text)
        return (userId: UserId, ...args: ReadonlyArray<string>) => run(keysOf(userId), args)
      }
      const [open, renew] = [scriptOfUser(openScript), scriptOfUser(renewScript)]
      const [close, list] = [scriptOfUser(closeScript), scriptOfUser(listScript)]
      const placeOf = RedisScript.make(pool, placeScript)

      /** Whether there is one. */
      const takePlace = ({ address, sessionId }: ConnectedSession, limit: number) =>
        Effect.map(placeOf([addressKey(address)], [sessionId, String(lease), String(limit)]), Boolean)

      const leavePlace = ({ address, sessionId }: Pick<ConnectedSession, "address" | "sessionId">) =>
        pool.send("ZREM", addressKey(address), sessionId)

      return SessionCache.of({
        lease,
        open: Effect.fnUntraced(function* (session, { connections, devices, perAddress }) {
          const { deviceId, sessionId, userId } = session
          if (perAddress !== undefined && !(yield* takePlace(session, perAddress))) {
            return yield* tooManyOfAddress(perAddress)
          }
          const record = JSON.stringify(session)
          const limits = [deviceId, String(devices), String(connections)]
          const answer = yield* open(userId, sessionId, record, String(lease), ...limits)
          if (answer === "ok") return
          yield* leavePlace(session)
          return yield* answer === "connections" ? tooManyConnections : tooManyDevices
        }),
        renew: (session) =>
          Effect.all(
            [
              takePlace(session, Number.MAX_SAFE_INTEGER),
              renew(session.userId, session.sessionId, JSON.stringify(session), String(lease))
            ],
            { concurrency: 2, discard: true }
          ),
        close: (session) =>
          Effect.all([leavePlace(session), close(session.userId, session.sessionId)], {
            concurrency: 2,
            discard: true
          }),
        list: (userId) =>
          Effect.map(list(userId), (records) =>
            // Written by `open` and `renew`, and by nobody else.
            (records as ReadonlyArray<string>)
              .map((record) => JSON.parse(record) as ConnectedSession)
              .sort((a, b) => a.connectedAt - b.connectedAt)
          )
      })
    })
  )
