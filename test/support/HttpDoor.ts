/**
 * A load balancer that does its worst: takes each HTTP request to the next server, over a connection of its own, and to
 * the one after it when that one does not take the connection.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

export interface HttpDoor {
  readonly url: string
  readonly wsUrl: string
  /** The port that answered each request so far. */
  readonly answered: ReadonlyArray<number>
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export const make = (ports: ReadonlyArray<number>): Effect.Effect<HttpDoor, never, Scope.Scope> =>
  Effect.gen(function* () {
    const answered: Array<number> = []
    let turn = 0

    const pass = (request: IncomingMessage, response: ServerResponse, body: Buffer, left: number): void => {
      const port = ports[turn++ % ports.length]!
      const { headers, method, url: path } = request
      const sent = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
        answered.push(port)
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.on("error", () => response.destroy()).pipe(response)
      })
      sent.on("error", (error: NodeJS.ErrnoException) => {
        if (response.destroyed || response.headersSent) return
        if (error.code === "ECONNREFUSED" && left > 1) return pass(request, response, body, left - 1)
        response.writeHead(502).end()
      })
      response.on("close", () => sent.destroy())
      sent.end(body)
    }

    const server = createServer((request, response) => {
      bodyOf(request).then(
        (body) => pass(request, response, body, ports.length),
        () => response.destroy()
      )
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    const { port } = server.address() as AddressInfo
    return { url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/socket`, answered }
  })
