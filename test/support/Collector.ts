/** An OpenTelemetry collector over HTTP that keeps what it is sent. Owns its port; can be told not to answer. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string }
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: ReadonlyArray<Attribute> }>
  readonly status: { readonly code: number; readonly message?: string }
}

interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  readonly body: string
}

export const make = Effect.fnUntraced(function* ({ isSilent = false } = {}) {
  const received: Array<Received> = []
  let requests = 0
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        requests++
        if (isSilent) return
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          received.push({
            path: request.url ?? "",
            headers: request.headers,
            body: Buffer.concat(chunks).toString()
          })
          response.setHeader("content-type", "application/json")
          response.end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const bodies = (path: string) =>
    received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    requests: () => requests,
    /** All that came, as text. */
    text: () => received.map(({ body }) => body).join("\n"),
    spans: (): ReadonlyArray<Span> =>
      bodies("/v1/traces").flatMap(({ resourceSpans: [{ scopeSpans }] }) => scopeSpans[0].spans),
    metrics: (): ReadonlySet<string> =>
      new Set(
        bodies("/v1/metrics").flatMap(({ resourceMetrics: [{ scopeMetrics }] }) =>
          scopeMetrics[0].metrics.map(({ name }: { name: string }) => name)
        )
      ),
    logs: (): ReadonlyArray<string> =>
      bodies("/v1/logs").flatMap(({ resourceLogs: [{ scopeLogs }] }) =>
        scopeLogs[0].logRecords.map(({ body }: { body: { stringValue: string } }) => body.stringValue)
      )
  }
})
