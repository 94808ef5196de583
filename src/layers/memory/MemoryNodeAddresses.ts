/** The addresses of a node that is alone: its own. */
import { Clock, Effect, Layer } from "effect"
import { ADDRESS_LIFETIME, type NodeAddress, NodeAddresses } from "../../domain/ports/NodeAddresses.ts"

export const layer = Layer.sync(NodeAddresses, () => {
  const announced = new Map<string, { readonly address: NodeAddress; readonly until: number }>()
  return NodeAddresses.of({
    announce: (node, address) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        announced.set(node, { address, until: now + ADDRESS_LIFETIME })
      }),
    find: (node) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const found = announced.get(node)
        return found === undefined || found.until <= now ? undefined : found.address
      })
  })
})
