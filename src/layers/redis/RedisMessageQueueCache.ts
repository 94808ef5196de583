/**
 * The queues that all nodes share: a stream of references and a hash per user, in one slot of a cluster. Every method
 * is one script, hence atomic. The hash holds `d:{device}` (its cursor), `m:{device}` (the mark that came with it),
 * `f:{device}` (its fencing token), `t:{conversation}` (the conversation's newest entry), `told` and `trimmed`.
 *
 * Gotcha: ids are those of Redis's own clock, and so a cursor also says when, by that clock.
 */
import { Effect, Layer } from "effect"
import { Conflict, Unavailable } from "../../domain/Errors.ts"
import type { ConversationId, UserId } from "../../domain/Ids.ts"
import {
  MessageQueueCache,
  type News,
  type QueueEntry,
  type QueueOptions,
  type QueueStatus,
  type QueueTotals
} from "../../domain/ports/MessageQueueCache.ts"
import { Redis } from "./Redis.ts"
import type { RedisPool, Sender } from "./RedisPool.ts"
import * as RedisScript from "./RedisScript.ts"

/** The user's id is the hash tag: both keys of a user live in one slot. */
const keysOf = (userId: UserId) => [`messaging:queue:{${userId}}`, `messaging:queue:{${userId}}:state`]

/** Scripts in flight of one append. A conversation may have ten thousand members. */
const CONCURRENCY = 64

/** Keys of one server that totals are counted from. Which they are is chance, so the others are taken to be like them. */
const SAMPLE = 1_000

/** Questions for them at the most: a table of keys may be nearly empty. */
const SCANS = 20

const isState = (key: string): boolean => key.startsWith("messaging:queue:") && key.endsWith("}:state")
const isStream = (key: string): boolean => key.startsWith("messaging:queue:") && key.endsWith("}")

/** Of what one server has. Other keys may be there as well: they are counted in the sample, too. */
const totalsOf = (pool: RedisPool) =>
  Effect.fnUntraced(function* ({ send }: Sender): Effect.fn.Return<QueueTotals, Unavailable> {
    const size = Number(yield* send("DBSIZE"))
    const keys: Array<string> = []
    let cursor = "0"
    for (let i = 0; i < SCANS && keys.length < SAMPLE; i++) {
      const [next, found] = (yield* send("SCAN", cursor, "COUNT", String(SAMPLE / 2))) as [
        string,
        ReadonlyArray<string>
      ]
      keys.push(...found)
      cursor = next
      if (cursor === "0") break
    }
    const lengths = yield* Effect.forEach(keys.filter(isStream), (key) => pool.send("XLEN", key), {
      concurrency: CONCURRENCY
    })
    const factor = cursor === "0" ? 1 : size / Math.max(1, keys.length)
    return {
      users: Math.round(factor * keys.filter(isState).length),
      entries: Math.round(factor * lengths.reduce<number>((sum, length) => sum + Number(length), 0))
    }
  })

const helpers = `
local stream, state = KEYS[1], KEYS[2]
local function split(id)
  local dash = string.find(id, '-', 1, true)
  return tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
end
local function after(a, b)
  local am, an = split(a)
  local bm, bn = split(b)
  if am ~= bm then return am > bm end
  return an > bn
end
local function latest(a, b) if after(a, b) then return a end return b end
local function get(field, otherwise) return redis.call('HGET', state, field) or otherwise end
local function drop(entries)
  for _, entry in ipairs(entries) do
    redis.call('XDEL', stream, entry[1])
    local tail = 't:' .. entry[2][2]
    if redis.call('HGET', state, tail) == entry[1] then redis.call('HDEL', state, tail) end
  end
end
local function slowest(except)
  local found, cursor
  local fields = redis.call('HGETALL', state)
  local count = 0
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'd:' then
      count = count + 1
      if fields[i] ~= except and (not cursor or after(cursor, fields[i + 1])) then
        found, cursor = fields[i], fields[i + 1]
      end
    end
  end
  return found, cursor, count
end
`

/** ARGV: entries at the most, then a conversation and a seq each. */
const appendScript = `${helpers}
if redis.call('EXISTS', state) == 0 then return end
local told = get('told', '0-0')
local added = false
for i = 2, #ARGV, 2 do
  local field = 't:' .. ARGV[i]
  local tail = get(field, false)
  if not tail or not after(tail, told) then
    redis.call('HSET', state, field, redis.call('XADD', stream, '*', 'c', ARGV[i], 's', ARGV[i + 1]))
    added = true
  end
end
if not added then return end
local over = redis.call('XLEN', stream) - tonumber(ARGV[1])
if over > 0 then
  local gone = redis.call('XRANGE', stream, '-', '+', 'COUNT', over)
  redis.call('HSET', state, 'trimmed', gone[#gone][1])
  drop(gone)
end
redis.call('PEXPIRE', stream, redis.call('PTTL', state))`

/** ARGV: device, cursor or nothing, devices at the most, lifetime. */
const openScript = `${helpers}
local device, fence = 'd:' .. ARGV[1], 'f:' .. ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
local finish = string.format('%d-0', now - 1)
if last[1] then finish = latest(last[1][1], finish) end
finish = latest(finish, get('told', '0-0'))

local known = get(device, false)
local status, from = 'resumed', known
if ARGV[2] ~= '' then from = ARGV[2] end
if not known then
  status = ARGV[2] == '' and 'new' or 'lost'
elseif after(from, finish) then
  status = 'lost'
elseif after(get('trimmed', '0-0'), from) then
  status = 'trimmed'
end
local entries, mark = {}, ''
if status == 'resumed' then
  if after(from, known) then redis.call('HSET', state, device, from, 'm:' .. ARGV[1], '') end
  if ARGV[2] == '' then mark = get('m:' .. ARGV[1], '') end
  local read = redis.call('XREAD', 'STREAMS', stream, from)
  if read then
    for _, entry in ipairs(read[1][2]) do
      entries[#entries + 1] = { entry[1], entry[2][2], entry[2][4] }
    end
  end
else
  from = finish
  redis.call('HSET', state, device, finish, 'm:' .. ARGV[1], '')
  local behind, _, count = slowest(device)
  if count > tonumber(ARGV[3]) then 
    local name = string.sub(behind, 3)
    redis.call('HDEL', state, behind, 'f:' .. name, 'm:' .. name)
  end
end
local token = math.max(tonumber(get(fence, '0')) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
redis.call('HSET', state, fence, string.format('%.0f', token), 'told', finish)
redis.call('PEXPIRE', state, ARGV[4])
redis.call('PEXPIRE', stream, ARGV[4])
return { status, from, finish, string.format('%.0f', token), mark, entries }`

/** ARGV: device, token, cursor, lifetime, mark. */
const ackScript = `${helpers}
local device = 'd:' .. ARGV[1]
if get('f:' .. ARGV[1], '') ~= ARGV[2] then return 'fenced' end
if not after(get(device, '0-0'), ARGV[3]) then
  redis.call('HSET', state, device, ARGV[3], 'm:' .. ARGV[1], ARGV[5])
end
redis.call('HSET', state, 'told', latest(get('told', '0-0'), ARGV[3]))
local _, cursor = slowest()
drop(redis.call('XRANGE', stream, '-', cursor))
redis.call('PEXPIRE', state, ARGV[4])
redis.call('PEXPIRE', stream, ARGV[4])
return 'ok'`

/** What `openScript` answers. */
type Opened = readonly [
  status: QueueStatus,
  after: string,
  end: string,
  token: string,
  mark: string,
  entries: ReadonlyArray<readonly [id: string, conversationId: ConversationId, fromSeq: string]>
]

const entryOf = ([id, conversationId, fromSeq]: Opened[5][number]): QueueEntry => ({
  id,
  conversationId,
  fromSeq: Number(fromSeq)
})

const byUser = (news: ReadonlyArray<News>): ReadonlyMap<UserId, ReadonlyArray<string>> => {
  const found = new Map<UserId, Array<string>>()
  for (const { conversationId, fromSeq, userId } of news) {
    const args = found.get(userId)
    if (args === undefined) found.set(userId, [conversationId, String(fromSeq)])
    else args.push(conversationId, String(fromSeq))
  }
  return found
}

export const layer = (options: QueueOptions) =>
  Layer.effect(
    MessageQueueCache,
    Effect.gen(function* () {
      const { queue } = yield* Redis
      const lifetime = String(options.lifetime)
      const append = RedisScript.make(queue, appendScript)
      const open = RedisScript.make(queue, openScript)
      const ack = RedisScript.make(queue, ackScript)

      return MessageQueueCache.of({
        append: (news) =>
          Effect.forEach(
            byUser(news),
            ([userId, args]) => append(keysOf(userId), [String(options.maxLength), ...args]),
            { concurrency: CONCURRENCY, discard: true }
          ),

        open: Effect.fnUntraced(function* (userId, deviceId, cursor) {
          const [status, after, end, token, mark, entries] = (yield* open(keysOf(userId), [
            deviceId,
            cursor ?? "",
            String(options.maxDevices),
            lifetime
          ])) as Opened
          return { status, after, end, token: Number(token), mark, entries: entries.map(entryOf) }
        }),

        ack: Effect.fnUntraced(function* (userId, deviceId, token, cursor, mark) {
          const answer = yield* ack(keysOf(userId), [deviceId, String(token), cursor, lifetime, mark])
          if (answer === "fenced") return yield* new Conflict({ what: "sync" })
          if (answer !== "ok") return yield* new Unavailable({ what: "queue" })
        }),

        totals: Effect.suspend(() => Effect.forEach(queue.servers(), totalsOf(queue))).pipe(
          Effect.map((all) => ({
            users: all.reduce((sum, { users }) => sum + users, 0),
            entries: all.reduce((sum, { entries }) => sum + entries, 0)
          }))
        )
      })
    })
  )
