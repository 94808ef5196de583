/** The addresses of all nodes that share a Redis, in `session_pool`. */
import { Effect, Layer } from "effect"
import { ADDRESS_LIFETIME, type NodeAddress, NodeAddresses } from "../../domain/ports/NodeAddresses.ts"
import { Redis } from "./Redis.ts"

const keyOf = (node: string): string => `messaging:node:${node}`

export const layer = Layer.effect(
  NodeAddresses,
  Effect.map(Redis, ({ session: pool }) =>
    NodeAddresses.of({
      announce: (node, address) =>
        Effect.asVoid(pool.send("SET", keyOf(node), JSON.stringify(address), "PX", String(ADDRESS_LIFETIME))),
      find: (node) =>
        Effect.map(pool.send("GET", keyOf(node)), (found) =>
          // Written by `announce`, and by nobody else.
          typeof found === "string" ? (JSON.parse(found) as NodeAddress) : undefined
        )
    })
  )
)
