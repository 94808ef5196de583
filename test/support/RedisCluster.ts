/**
 * A Redis Cluster of three masters, the first of which has a replica that takes its place when it dies. Owns the
 * servers, their forming a cluster, and the moving of slots between them.
 */
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import { slotOf } from "../../src/layers/redis/KeySlot.ts"
import * as Poll from "./Poll.ts"
import * as Ports from "./Ports.ts"
import * as RedisServer from "./RedisServer.ts"

export interface Node {
  readonly server: RedisServer.RedisServer["Service"]
  /** Its id in the cluster. */
  readonly id: string
  readonly call: (command: string, ...args: ReadonlyArray<string | number>) => Effect.Effect<unknown>
}

export interface RedisCluster {
  readonly masters: readonly [Node, Node, Node]
  /** Of the first master. */
  readonly replica: Node
  /** `redis-cluster://…`, which names two of its nodes. */
  readonly url: string
  /** The master that has this key, as long as no slot was moved. */
  readonly ownerOf: (key: string) => Node
  /** A slot's move in the middle: what of it is there is moved by `moveKeys`, and the move ended by `finish`. */
  readonly beginMove: (slot: number, from: Node, to: Node) => Effect.Effect<Move>
}

export interface Move {
  readonly moveKeys: Effect.Effect<void>
  readonly finish: Effect.Effect<void>
}

const SLOTS = 16_384
const third = (i: number) => Math.floor((i * SLOTS) / 3)

const node: Effect.Effect<
  Omit<Node, "id"> & { readonly bus: number },
  RedisServer.RedisServerError,
  Scope.Scope
> = Effect.gen(function* () {
  const bus = yield* Ports.free()
  const cluster = [
    "--cluster-enabled",
    "yes",
    "--cluster-port",
    String(bus),
    "--cluster-node-timeout",
    "1000"
  ]
  const server = yield* RedisServer.make({ args: [...cluster, "--repl-diskless-sync-delay", "0"] })
  return {
    server,
    bus,
    // Nothing but what is tested comes back to a server that was killed.
    call: (command, ...args) =>
      Effect.promise(async () => {
        const client = new Redis(server.port, { retryStrategy: () => null }).on("error", () => {})
        try {
          return await client.call(command, ...args.map(String))
        } finally {
          client.disconnect()
        }
      })
  }
})

export const make: Effect.Effect<RedisCluster, RedisServer.RedisServerError | Poll.PollTimeout, Scope.Scope> =
  Effect.gen(function* () {
    const nodes = yield* Effect.all([node, node, node, node], { concurrency: "unbounded" })
    const [first] = nodes
    for (let i = 0; i < 3; i++) {
      yield* nodes[i]!.call("CLUSTER", "ADDSLOTSRANGE", third(i), third(i + 1) - 1)
      yield* nodes[i]!.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
    }
    for (const { bus, server } of nodes.slice(1))
      yield* first.call("CLUSTER", "MEET", "127.0.0.1", server.port, bus)
    const named = yield* Effect.forEach(nodes, (each) =>
      Effect.map(each.call("CLUSTER", "MYID"), (id): Node => ({ ...each, id: String(id) }))
    )
    const [one, two, three, replica] = named as [Node, Node, Node, Node]
    const says = ({ call }: Node, section: "CLUSTER" | "", text: string) =>
      Poll.until(
        Effect.map(section === "CLUSTER" ? call("CLUSTER", "INFO") : call("INFO", "replication"), (info) =>
          String(info).includes(text)
        ),
        { what: text }
      )
    yield* Effect.forEach(named, (each) => says(each, "CLUSTER", "cluster_known_nodes:4"), { discard: true })
    yield* replica.call("CLUSTER", "REPLICATE", one.id)
    yield* says(replica, "", "master_link_status:up")
    yield* Effect.forEach(named, (each) => says(each, "CLUSTER", "cluster_state:ok"), { discard: true })

    const masters = [one, two, three] as const
    return {
      masters,
      replica,
      url: `redis-cluster://127.0.0.1:${one.server.port},127.0.0.1:${two.server.port}`,
      ownerOf: (key) => masters[[0, 1, 2].findLastIndex((i) => third(i) <= slotOf(key)) as 0 | 1 | 2],
      beginMove: Effect.fnUntraced(function* (slot, from, to) {
        yield* to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
        yield* from.call("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        return {
          moveKeys: Effect.gen(function* () {
            const keys = (yield* from.call("CLUSTER", "GETKEYSINSLOT", slot, 1000)) as Array<string>
            if (keys.length === 0) return
            yield* from.call("MIGRATE", "127.0.0.1", to.server.port, "", 0, 5000, "KEYS", ...keys)
          }),
          finish: Effect.forEach(
            [to, from, ...masters.filter((each) => each !== to && each !== from)],
            (each) => each.call("CLUSTER", "SETSLOT", slot, "NODE", to.id),
            { discard: true }
          )
        }
      })
    }
  })
