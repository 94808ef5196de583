/** Listens in the place of a server that is gone, and ends every connection at once: who tries how often? */
import { createServer } from "node:net"
import { Effect, type Scope } from "effect"

/** When each of them came, in the milliseconds of this process. */
export const at = (port: number): Effect.Effect<ReadonlyArray<number>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly attempts: Array<number>; readonly close: () => void }>((resume) => {
      const attempts: Array<number> = []
      const server = createServer((socket) => {
        attempts.push(performance.now())
        socket.on("error", () => {})
        socket.resetAndDestroy()
      })
      server.listen(port, "127.0.0.1", () =>
        resume(Effect.succeed({ attempts, close: () => server.close() }))
      )
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ attempts }) => attempts))
