/**
 * `node bench/frames.ts [stage…]`: what one frame costs this process, stage by stage, in microseconds of CPU time, without
 * network and database. Sessions, channels, topic hub and presence are the real ones; the conversation behind them
 * answers at once, and the sockets are counters. Each figure is the median of five runs.
 *
 * To see where the time goes: `node --cpu-prof bench/frames.ts push`. Of the 5.4 us of a push (2 cores of a shared
 * machine, Node 26) its profile shows: parsing the text 10%, decoding the payload by its schema 20%, the reply's text and
 * bytes 10%, mailbox, clock and outbox 10%, two fibers (one that admits the message, one that waits for its commit) 40%,
 * collecting garbage 8%. A heartbeat, which needs no fiber, costs 1 us.
 *
 * What is no longer there, each found by such a profile: an Effect for frames that are done at once (heartbeats, leaves,
 * stale and unmatched ones); a state of presence encoded whole for every join, now pieced together from the texts of its
 * entries (1,000 users: 500 us before, 100 us after); a JSON text, a frame and a question to the socket for each
 * recipient of a broadcast, now one frame for all (0.14 us each).
 */
import { randomUUID } from "node:crypto"
import { Duration, Effect, Layer } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import { newMessage } from "../src/actors/conversation/ConversationEvents.ts"
import { Conversations } from "../src/actors/conversation/Conversations.ts"
import * as PresenceTracker from "../src/actors/presence/PresenceTracker.ts"
import { UserPresence } from "../src/actors/presence/UserPresence.ts"
import type { Transport } from "../src/actors/session/Outbox.ts"
import * as Sessions from "../src/actors/session/Sessions.ts"
import { encoded } from "../src/actors/topic/SharedFrame.ts"
import * as TopicHub from "../src/actors/topic/TopicHub.ts"
import * as LastSeen from "../src/actors/user/LastSeen.ts"
import { Me } from "../src/actors/user/Me.ts"
import { UserSync } from "../src/actors/user/UserSync.ts"
import { Users } from "../src/actors/user/Users.ts"
import { SendMessage } from "../src/domain/Commands.ts"
import { defaultMemberSettings, defaultSettings } from "../src/domain/ConversationSettings.ts"
import { decoder } from "../src/domain/Decode.ts"
import type { Identity } from "../src/domain/Identity.ts"
import type { ConversationId, DeviceId, MessageId, SessionId, UserId } from "../src/domain/Ids.ts"
import type { Message } from "../src/domain/Message.ts"
import { LastSeenStore } from "../src/domain/ports/LastSeenStore.ts"
import { TokenVerifier } from "../src/domain/ports/TokenVerifier.ts"
import { v2 } from "../src/domain/protocol/V2.ts"
import * as MemoryAuditLog from "../src/layers/memory/MemoryAuditLog.ts"
import * as MemoryBroker from "../src/layers/memory/MemoryBroker.ts"
import * as MemorySessionCache from "../src/layers/memory/MemorySessionCache.ts"
import * as MemoryTokenRevocations from "../src/layers/memory/MemoryTokenRevocations.ts"
import * as ChildSpec from "../src/supervisors/ChildSpec.ts"
import * as NoLimits from "../test/support/NoLimits.ts"

const RUNS = 5
const PUSHES = 200_000
const SUBSCRIBERS = 1_000
const BROADCASTS = 500

const conversation = randomUUID() as ConversationId
const topic = `conversation:${conversation}`
const sender = randomUUID() as UserId

const identity = (userId: UserId): Identity => ({
  userId,
  deviceId: "bench" as DeviceId,
  tokenId: "bench",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER
})

const message: Message = {
  id: randomUUID() as MessageId,
  conversation_id: conversation,
  seq: 1,
  version_seq: 1,
  sender_id: sender,
  reply_to_id: null,
  message_type: "text",
  content: "x".repeat(120),
  metadata: {},
  client_random: 1,
  sent_at: new Date(0).toISOString(),
  edited_at: null,
  edit_count: 0,
  expires_at: null,
  is_deleted: false,
  is_pinned: false,
  reactions: [],
  attachments: []
}

/** A conversation that has stored a message before it was asked to. */
const conversations = Layer.mock(Conversations, {
  join: () =>
    Effect.succeed({
      conversation: {
        id: conversation,
        type: "group",
        external_group_id: null,
        metadata: {},
        settings: defaultSettings,
        is_active: true,
        member_count: SUBSCRIBERS,
        last_seq: 1,
        created_at: message.sent_at,
        updated_at: message.sent_at
      },
      role: "member",
      my_settings: defaultMemberSettings,
      cleared_seq: 0,
      current_seq: 1,
      resumed: false,
      messages: [],
      has_more: false,
      read_receipts: true,
      read_positions: {},
      hidden_ids: []
    }),
  post: () =>
    Effect.succeed(
      Effect.succeed({ message_id: message.id, seq: 1, sent_at: message.sent_at, duplicate: false })
    ),
  typing: () => Effect.void
})

const users = Layer.succeed(Users, {
  opened: () => {},
  closed: () => {},
  following: () => Effect.void,
  online: () => 0,
  supervisor: ChildSpec.worker({ id: "Users", run: Effect.never })
})

const nobodySeen = LastSeen.layer({ interval: Duration.minutes(1), capacity: 1_000 }).pipe(
  Layer.provide(Layer.mock(LastSeenStore, {}))
)

const nothingMissed = Layer.succeed(UserSync, {
  plan: () =>
    Effect.succeed({ _tag: "CatchUp", token: 1, cursor: "1-0", news: [], truncated: [], conversations: [] }),
  page: () => Effect.succeed({ messages: [], next: undefined }),
  ack: () => Effect.void,
  liveCursor: Effect.succeed("0-0")
})

const services = Sessions.layer({
  maxSockets: 2 * SUBSCRIBERS,
  maxChannels: 10,
  maxWaiting: 256,
  idleTimeout: Duration.hours(1),
  tokenWarning: Duration.minutes(2),
  tokenGrace: Duration.minutes(1),
  drainTimeout: Duration.seconds(1),
  outbox: { soft: 1e9, hard: 1e9 },
  limits: { perAddress: undefined, devices: 10, connections: SUBSCRIBERS }
}).pipe(
  Layer.provide(users),
  Layer.provide([nothingMissed, Layer.mock(Me, {})]),
  Layer.provide([nobodySeen, Layer.mock(UserPresence, {})]),
  Layer.provide(PresenceTracker.layer),
  Layer.provide(conversations),
  Layer.provideMerge(TopicHub.layer),
  Layer.provide(MemoryBroker.layer),
  Layer.provide(MemorySessionCache.layer({ lease: Duration.hours(1) })),
  Layer.provide(MemoryTokenRevocations.layer({ lifetime: Duration.hours(1) })),
  Layer.provide([Layer.mock(TokenVerifier, {}), NoLimits.layer, MemoryAuditLog.layer])
)

/** A socket that counts the frames it gets, bytes and all, and says when it has them. */
class Counter implements Transport {
  frames = 0
  bytes = 0
  #awaited = 0
  #reached = () => {}

  readonly buffered = () => 0
  readonly close = () => {}
  readonly onDrained = () => {}
  readonly write: Transport["write"] = (frames) => {
    this.frames += frames.length
    for (const frame of frames) this.bytes += frame.bytes.length
    if (this.frames >= this.#awaited) this.#reached()
    return true
  }

  reach(frames: number): Promise<void> {
    this.#awaited = this.frames + frames
    return new Promise((resolve) => {
      this.#reached = resolve
    })
  }
}

const open = (sessions: Sessions.Sessions["Service"], userId: UserId) => {
  const transport = new Counter()
  const flow = {
    isPaused: false,
    pause: () => void (flow.isPaused = true),
    resume: () => void (flow.isPaused = false)
  }
  const caller = identity(userId)
  const place = { ...caller, sessionId: uuidV7Unsafe() as SessionId, address: "", connectedAt: 0 }
  const handle = sessions.open({ identity: caller, place, serializer: v2, transport, flow })
  if (handle === undefined) throw new Error("no session")
  return { transport, flow, receive: (bytes: Buffer) => handle.receive(v2.decode(bytes.toString())!) }
}

type Client = ReturnType<typeof open>

const join = async (client: Client) => {
  const joined = client.transport.reach(2)
  client.receive(Buffer.from(`["1","1","${topic}","phx_join",{}]`))
  await joined
}

/** Sends as a socket does: some frames a turn, and none while it is paused. */
const pump = async ({ flow, receive, transport }: Client, count: number, text: (n: number) => string) => {
  // Bytes, as they come from a socket.
  const frames = Array.from({ length: 1_000 }, (_, n) => Buffer.from(text(n)))
  const answered = transport.reach(count)
  for (let sent = 0; sent < count; ) {
    for (let n = 0; n < 64 && sent < count && !flow.isPaused; n++) receive(frames[sent++ % frames.length]!)
    await new Promise(setImmediate)
  }
  await answered
}

const microseconds = async (units: number, work: () => Promise<void> | void): Promise<number> => {
  const times: Array<number> = []
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage()
    await work()
    const { system, user } = process.cpuUsage(before)
    times.push((system + user) / units)
  }
  return times.sort((a, b) => a - b)[RUNS >> 1]!
}

const sendText = (n: number) =>
  `["1","${n}","${topic}","send_message",{"content":"${message.content}","client_random":${n}}]`

const stages = (sessions: Sessions.Sessions["Service"], hub: TopicHub.TopicHub["Service"]) => {
  const decodeSend = decoder(SendMessage)
  const bytes = Buffer.from(sendText(1))
  const { payload } = v2.decode(bytes.toString())!
  let seq = message.seq
  return {
    decode: () =>
      microseconds(PUSHES, () => {
        for (let n = 0; n < PUSHES; n++) v2.decode(bytes.toString())
      }),
    payload: () =>
      microseconds(PUSHES, () => {
        for (let n = 0; n < PUSHES; n++) decodeSend(payload)
      }),
    reply: () =>
      microseconds(PUSHES, () => {
        for (let n = 0; n < PUSHES; n++) void encoded(v2.reply("1", "2", topic, "ok", "{}")).bytes
      }),
    heartbeat: async () => {
      const client = open(sessions, sender)
      return await microseconds(PUSHES, () =>
        pump(client, PUSHES, (n) => `[null,"${n}","phoenix","heartbeat",{}]`)
      )
    },
    push: async () => {
      const client = open(sessions, sender)
      await join(client)
      return await microseconds(PUSHES, () => pump(client, PUSHES, sendText))
    },
    fanout: async () => {
      const clients = Array.from({ length: SUBSCRIBERS }, () => open(sessions, randomUUID() as UserId))
      await Promise.all(clients.map(join))
      return await microseconds(SUBSCRIBERS * BROADCASTS, async () => {
        for (let n = 0; n < BROADCASTS; n++) {
          const told = clients.at(-1)!.transport.reach(1)
          hub.publishLocal(newMessage({ ...message, seq: ++seq }))
          await told
        }
      })
    }
  }
}

const meaning: Record<keyof ReturnType<typeof stages>, string> = {
  decode: "bytes of a push → frame",
  payload: "payload of a push → command",
  reply: "reply → bytes of a WebSocket frame",
  heartbeat: "heartbeat → reply, through session and mailbox",
  push: "send_message → reply, the whole way",
  fanout: `message → each of ${SUBSCRIBERS} sockets`
}

const bench = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  const hub = yield* TopicHub.TopicHub
  yield* sessions.supervisor.start
  yield* sessions.accepting
  const all = stages(sessions, hub)
  const asked = process.argv.slice(2) as Array<keyof typeof all>
  for (const name of asked.length > 0 ? asked : (Object.keys(all) as typeof asked)) {
    const cost = yield* Effect.promise(all[name])
    const figure = `${cost.toFixed(2).padStart(8)} us CPU`
    process.stdout.write(`${name.padEnd(10)}${figure}  ${meaning[name]}\n`)
  }
}).pipe(Effect.provide(services), Effect.scoped)

await Effect.runPromise(bench)
