/**
 * Takes a request whose session lives in another process to that one, and its answer back: a load balancer, or the
 * kernel where workers share a port, sends each request wherever it likes. Says where this process is, too.
 *
 * Nothing is believed on this way. The other process gets what the client wrote, and judges the token itself; a token
 * only chooses among the addresses that nodes have announced. A request is taken on once: who has it from another node
 * answers for itself.
 */
import {
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeader,
  type ServerResponse
} from "node:http"
import { type Duration, Effect, type Scope } from "effect"
import { type NodeAddress, NodeAddresses } from "../../domain/ports/NodeAddresses.ts"

/** On a request that comes from another node. A client that writes it is not served by others, and that is all. */
const RELAYED = "x-messaging-relayed"

/** What the other process needs to know of a request; all else is between the client and this one. */
const passed = ["host", "origin", "content-type", "content-length", "x-phoenix-longpoll-token"] as const

/**
 * Between two announcements: for about as long is a node unknown that listens before it has reached Redis, or whose
 * Redis came back empty, and clients whose polls meet others open one session after the other meanwhile.
 */
const ANNOUNCED_EVERY = "1 second"

/** Addresses remembered. */
const CAPACITY = 1_000

export interface PollRelay {
  /** `false` when the session's process cannot be reached: then nothing was answered. */
  readonly forward: (
    node: string,
    request: IncomingMessage,
    response: ServerResponse
  ) => Effect.Effect<boolean>
  /** Others find this process at this address for as long as the scope is open, and a minute more. */
  readonly announce: (address: NodeAddress) => Effect.Effect<void, never, Scope.Scope>
}

export const isRelayed = ({ headers }: IncomingMessage): boolean => headers[RELAYED] !== undefined

/** One exchange over a connection of its own, so that no stale one is met. Ends when the answer has begun. */
const exchange = (
  { host, port }: NodeAddress,
  request: IncomingMessage,
  response: ServerResponse
): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const headers: Record<string, OutgoingHttpHeader> = { [RELAYED]: "1" }
    for (const name of passed) {
      const value = request.headers[name]
      if (value !== undefined) headers[name] = value
    }
    const { method = "GET", url: path = "/" } = request
    const sent = httpRequest({ host, port, method, path, headers, agent: false }, (answer) => {
      resume(Effect.succeed(true))
      const { connection: _, ...own } = answer.headers
      response.writeHead(answer.statusCode ?? 500, own)
      // Half an answer is none: the client's request fails, and it connects anew.
      answer.on("error", () => response.destroy()).pipe(response)
    })
    sent.on("error", () => resume(Effect.succeed(false)))
    // The session keeps the frames of a poll that is given up.
    response.on("close", () => sent.destroy())
    request.pipe(sent)
    return Effect.sync(() => sent.destroy())
  })

/** `node` is this process; past `patience` another one counts as out of reach. */
export const make = Effect.fnUntraced(function* (node: string, patience: Duration.Duration) {
  const addresses = yield* NodeAddresses
  const known = new Map<string, NodeAddress>()

  const find = Effect.fnUntraced(function* (of: string) {
    const remembered = known.get(of)
    if (remembered !== undefined) return remembered
    const found = yield* Effect.orElseSucceed(addresses.find(of), () => undefined)
    if (found === undefined) return undefined
    if (known.size >= CAPACITY) known.clear()
    known.set(of, found)
    return found
  })

  return {
    forward: Effect.fnUntraced(function* (of, request, response) {
      const address = yield* find(of)
      if (address === undefined) return false
      const isAnswered = yield* Effect.timeoutOrElse(exchange(address, request, response), {
        duration: patience,
        orElse: () => Effect.succeed(false)
      })
      if (!isAnswered) known.delete(of)
      return isAnswered
    }),
    announce: (address) =>
      addresses.announce(node, address).pipe(
        // Redis may be away for a while, or come back empty.
        Effect.ignore,
        Effect.delay(ANNOUNCED_EVERY),
        Effect.forever,
        Effect.forkScoped,
        Effect.andThen(Effect.ignore(addresses.announce(node, address)))
      )
  } satisfies PollRelay
})
