/**
 * Placement by `effect/cluster`: conversations are spread over shards, each node holds the Postgres locks of its share,
 * and asks travel between the nodes over sockets. Knows no command: what is asked and answered is text.
 *
 * Gotcha: that a node has died is noticed within seconds, that it is silent within `patience`. Until its shards have
 * moved, asks of them fail at once, and the caller answers them itself.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { PgClient } from "@effect/sql-pg"
import {
  Cause,
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  type Redacted,
  Schema
} from "effect"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import { make as entityId } from "effect/cluster/EntityId"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as Reply from "effect/cluster/Reply"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import { RunnerHealth } from "effect/cluster/RunnerHealth"
import * as RunnerServer from "effect/cluster/RunnerServer"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Snowflake from "effect/cluster/Snowflake"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { SocketServer, type SocketServerError } from "effect/socket/SocketServer"
import type { SqlError } from "effect/sql/SqlError"
import { Refusal } from "../../domain/Errors.ts"
import type { ConversationId } from "../../domain/Ids.ts"
import { type Answerer, ClusterUnusable, OwnerSilent, Placement } from "../../domain/ports/Placement.ts"
import { messageOf } from "../database/SqlFailure.ts"
import * as KubernetesHealth from "./KubernetesHealth.ts"

export interface ClusterOptions {
  /** The database that holds the locks. The cluster keeps three connections of its own to it. */
  readonly databaseUrl: Redacted.Redacted
  /** Where the other nodes reach this one. */
  readonly host: string
  /** Where it listens for them. */
  readonly listen: string
  /** 0 for a free one. */
  readonly port: number
  /** How long an owner may take to answer before somebody else does. */
  readonly patience: Duration.Duration
  /** Conversations that others may ask this node about at the same time. */
  readonly maxActive: number
  /** One answer or question, in bytes. */
  readonly maxFrameBytes: number
  /** Who says which nodes live. Without it they are pinged. */
  readonly kubernetes?: KubernetesHealth.KubernetesOptions | undefined
}

/** Nobody listens where the owner should be. Never on the wire: the asking node tells itself. */
class OwnerGone extends Data.TaggedError("OwnerGone") {}

/** A conversation as other nodes see it. */
const Conversation = Entity.make("Conversation", [
  Rpc.make("Ask", {
    payload: { question: Schema.String },
    success: Schema.String,
    error: Refusal
  })
]).annotateRpcs(ClusterSchema.Persisted, false)

const GROUP = "default"

/** Kept apart from the application's pool: a busy database must not cost a node its shards. */
const CONNECTIONS = 3

/** Milliseconds for which nobody waits for an owner that has not answered; then one ask finds out whether it does again. */
const SILENCE_MS = 2_000

const timing = {
  // A lock not renewed for this long is lost; so long does a frozen node keep its shards.
  shardLockExpiration: Duration.seconds(6),
  shardLockRefreshInterval: Duration.seconds(2),
  refreshAssignmentsInterval: Duration.millis(500),
  runnerHealthCheckInterval: Duration.seconds(1),
  entityMaxIdleTime: Duration.seconds(30),
  entityTerminationTimeout: Duration.seconds(2),
  sendRetryInterval: Duration.millis(50)
}

/** Left to itself, the cluster asks a node that is gone again and again until its shards have moved. */
const runners = Layer.effect(
  Runners.Runners,
  Effect.gen(function* () {
    const runners = yield* Runners.makeRpc
    const ids = yield* Snowflake.Generator
    return Runners.Runners.of({
      ...runners,
      send: ({ address, message }) =>
        runners.send({ address, message }).pipe(
          Effect.catchTag("RunnerUnavailable", (error) => {
            if (message._tag === "OutgoingEnvelope") return Effect.fail(error)
            const { requestId } = message.envelope
            return message.respond(
              new Reply.WithExit({ id: ids.nextUnsafe(), requestId, exit: Exit.die(new OwnerGone()) })
            )
          })
        )
    })
  })
).pipe(Layer.provide(Snowflake.layerGenerator))

/** Alive is who answers a ping in time, at the second attempt at the latest. */
const pinged = Layer.effect(
  RunnerHealth,
  Effect.map(Runners.Runners, (runners) =>
    RunnerHealth.of({
      isAlive: (address) =>
        runners.ping(address).pipe(Effect.timeout("1 second"), Effect.retry({ times: 1 }), Effect.isSuccess)
    })
  )
)

const health = ({ kubernetes }: ClusterOptions) =>
  kubernetes === undefined ? pinged : KubernetesHealth.layer(kubernetes).pipe(Layer.provide(pinged))

const lockStorage = ({ databaseUrl: url }: ClusterOptions) =>
  SqlRunnerStorage.layer.pipe(
    Layer.provide(
      PgClient.layer({
        url,
        applicationName: "messaging-service cluster",
        maxConnections: CONNECTIONS,
        connectTimeout: "5 seconds",
        keepAlive: "5 seconds"
      })
    )
  )

/** The port is known only when the server listens. */
const shardingConfig = (options: ClusterOptions) =>
  Layer.effect(
    ShardingConfig.ShardingConfig,
    Effect.map(SocketServer, ({ address }) => ({
      ...ShardingConfig.defaults,
      ...timing,
      runnerAddress: Option.some(
        RunnerAddress.make({
          host: options.host,
          port: address._tag === "UnixPathAddress" ? options.port : address.port
        })
      ),
      maxResidentEntities: options.maxActive,
      simulateRemoteSerialization: false
    }))
  )

const sharding = (options: ClusterOptions) =>
  RunnerServer.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(health(options)),
    Layer.provide(runners),
    Layer.provide(NodeClusterSocket.layerClientProtocol),
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(lockStorage(options)),
    Layer.provideMerge(shardingConfig(options)),
    Layer.provide(NodeSocketServer.layer({ host: options.listen, port: options.port })),
    Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: options.maxFrameBytes }))
  )

const answering = (answer: Answerer) =>
  Conversation.toLayer(
    Conversation.of({
      Ask: ({ address, payload }) => answer(address.entityId as string as ConversationId, payload.question)
    }),
    // One after the other would make a conversation's throughput its latency; its actor keeps the order.
    { concurrency: "unbounded", disableFatalDefects: true }
  )

interface Joined {
  readonly sharding: Sharding.Sharding["Service"]
  readonly ask: (id: ConversationId, question: string) => Effect.Effect<string, Refusal | OwnerSilent>
}

const joined = Effect.fnUntraced(function* (options: ClusterOptions) {
  const sharding = yield* Sharding.Sharding
  const clientOf = yield* Conversation.client
  /** Shards whose owner has not answered, and until when (Unix ms) nobody else is kept waiting for it. */
  const silent = new Map<string, number>()
  const speaks = (shard: string) => Effect.sync(() => silent.delete(shard))
  const patience = Duration.toMillis(options.patience)

  const ask: Joined["ask"] = Effect.fnUntraced(function* (id, question) {
    const shard = shardOf(sharding, id).toString()
    const until = silent.get(shard)
    if (until !== undefined) {
      const now = yield* Clock.currentTimeMillis
      if (until > now) return yield* new OwnerSilent()
      silent.set(shard, now + patience + SILENCE_MS)
    }
    return yield* clientOf(id)
      .Ask({ question })
      .pipe(
        Effect.catchDefect((defect) =>
          defect instanceof OwnerGone ? Effect.fail(defect) : Effect.die(defect)
        ),
        Effect.timeout(options.patience),
        // The owner, or the way to it, was ended while it worked; whoever is interrupted himself does not get here.
        Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.fail(new OwnerGone())),
        Effect.catchTag(
          [
            "OwnerGone",
            "TimeoutError",
            "MailboxFull",
            "AlreadyProcessingMessage",
            "PersistenceError",
            "EntityNotAssignedToRunner"
          ],
          () =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              silent.set(shard, now + SILENCE_MS)
              return Effect.fail(new OwnerSilent())
            })
        ),
        // A refusal is an answer, too.
        Effect.tapError((error) => (error._tag === "OwnerSilent" ? Effect.void : speaks(shard))),
        Effect.tap(() => speaks(shard))
      )
  })
  return { sharding, ask } satisfies Joined
})

const shardOf = (sharding: Joined["sharding"], id: ConversationId) => sharding.getShardId(entityId(id), GROUP)

const explain = (error: SqlError | SocketServerError, { listen, port }: ClusterOptions): ClusterUnusable =>
  new ClusterUnusable({
    message:
      error._tag === "SqlError"
        ? `DATABASE_URL cannot hold the cluster's locks: ${messageOf(error)}`
        : `Cannot listen on ${listen}:${port} (NODE_HOST or NODE_LISTEN, NODE_PORT): ${String(error.reason.cause)}`
  })

export const layer = (options: ClusterOptions) =>
  Layer.sync(Placement, () => {
    let current: Joined | undefined
    return Placement.of({
      isHere: (id) => current === undefined || current.sharding.hasShardId(shardOf(current.sharding, id)),
      ask: (id, question) => current?.ask(id, question) ?? Effect.fail(new OwnerSilent()),
      join: Effect.fnUntraced(function* (answer) {
        const services = yield* answering(answer).pipe(
          Layer.provideMerge(sharding(options)),
          Layer.fresh,
          Layer.build,
          Effect.mapError((error) => explain(error, options))
        )
        current = yield* Effect.provideContext(joined(options), services)
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            current = undefined
          })
        )
        const { runnerAddress } = Context.get(services, ShardingConfig.ShardingConfig)
        yield* Effect.logInfo(`cluster node=${Option.getOrElse(runnerAddress, () => "")}`)
      })
    })
  })
