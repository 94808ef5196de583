/**
 * A network that can be cut: a TCP proxy on a free port, between a client and a server that know nothing of it. Owns the
 * connections that pass through it.
 */
import { connect, createServer, type Socket } from "node:net"
import { Effect, type Scope } from "effect"
import * as Ports from "./Ports.ts"

export interface TcpProxy {
  readonly port: number
  /** Resets what passes, and what comes from now on. */
  readonly cut: Effect.Effect<void>
  /** Passes nothing more in either direction, and says nothing: what a lost route does. */
  readonly freeze: Effect.Effect<void>
  /** Lets everything pass again. What was held back by `freeze` arrives. */
  readonly heal: Effect.Effect<void>
}

/** Connects to the first of these ports that takes the connection. */
const reach = (ports: ReadonlyArray<number>, done: (server: Socket | undefined) => void): void => {
  const [port, ...others] = ports
  if (port === undefined) return done(undefined)
  const server = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
  const next = () => reach(others, done)
  server.once("error", next)
  server.once("connect", () => {
    server.off("error", next)
    done(server)
  })
}

/** Where a proxy listens. Default: on 127.0.0.1, on a free port. */
export interface Listen {
  readonly host: string
  readonly port: number
}

/** `targets` is asked for every connection: the ports to try, in this order. */
export const make = (
  targets: () => ReadonlyArray<number>,
  listen?: Listen
): Effect.Effect<TcpProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { host, port } = listen ?? { host: "127.0.0.1", port: yield* Ports.free() }
    const sockets = new Set<Socket>()
    let state: "open" | "cut" | "frozen" = "open"
    const keep = (socket: Socket, other: Socket) => {
      sockets.add(socket)
      socket.on("error", () => other.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      // A pipe lets its source go on when what it writes to has room again.
      socket.on("resume", () => {
        if (state === "frozen") socket.pause()
      })
    }
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      client.on("error", () => {})
      if (state === "cut") return client.resetAndDestroy()
      reach(targets(), (server) => {
        if (server === undefined || state === "cut") return client.resetAndDestroy()
        client.pipe(server)
        server.pipe(client)
        keep(client, server)
        keep(server, client)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(port, host, () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    return {
      port,
      cut: Effect.sync(() => {
        state = "cut"
        for (const socket of sockets) socket.resetAndDestroy()
      }),
      freeze: Effect.sync(() => {
        state = "frozen"
        for (const socket of sockets) socket.pause()
      }),
      heal: Effect.sync(() => {
        state = "open"
        for (const socket of sockets) socket.resume()
      })
    }
  })
