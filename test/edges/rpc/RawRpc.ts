/** A socket of typed RPC without a client of it: messages as they are, and acknowledgements only where a test gives them. */
import { Effect } from "effect"
import { WebSocket } from "ws"
import { Inbox } from "../../support/Inbox.ts"

export interface RawMessage {
  readonly _tag: string
  readonly requestId?: string
  readonly values?: ReadonlyArray<{ readonly event: string; readonly seq: number | null }>
  readonly exit?: {
    readonly _tag: "Success" | "Failure"
    readonly value?: unknown
    readonly cause?: ReadonlyArray<{
      readonly _tag: string
      readonly error?: Readonly<Record<string, unknown>>
      readonly defect?: unknown
    }>
  }
}

export interface RawRpc {
  readonly messages: Inbox<RawMessage>
  readonly closes: Inbox<readonly [code: number, reason: string]>
  readonly write: (text: string | Buffer) => void
  readonly request: (id: string, tag: string, payload: unknown) => void
  readonly acknowledge: (id: string) => void
}

/** Fails with the status and the reason of a refusal. */
export const connect = Effect.fnUntraced(function* (
  url: string,
  {
    headers = {},
    params = {},
    protocols = []
  }: {
    readonly headers?: Readonly<Record<string, string>>
    readonly params?: Readonly<Record<string, string>>
    readonly protocols?: ReadonlyArray<string>
  }
) {
  const query = new URLSearchParams(params)
  const ws = yield* Effect.acquireRelease(
    Effect.sync(
      () => new WebSocket(`${url.replace(/^http/, "ws")}/rpc?${query}`, [...protocols], { headers })
    ),
    (ws) => Effect.sync(() => ws.terminate())
  )
  const messages = new Inbox<RawMessage>("messages")
  const closes = new Inbox<readonly [number, string]>("closes")
  ws.on("error", () => {})
  ws.on("message", (data: Buffer) => messages.put(JSON.parse(data.toString())))
  ws.on("close", (code, reason) => closes.put([code, reason.toString()]))
  yield* Effect.callback<void, string>((resume) => {
    ws.on("open", () => resume(Effect.void))
    ws.on("unexpected-response", (_request, response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const { reason } = JSON.parse(text) as { readonly reason: string }
        resume(Effect.fail(`${response.statusCode} ${reason}`))
      })
    })
  })
  const write = (text: string | Buffer): void => ws.send(text)
  return {
    messages,
    closes,
    write,
    request: (id, tag, payload) => write(JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })),
    acknowledge: (requestId) => write(JSON.stringify({ _tag: "Ack", requestId }))
  } satisfies RawRpc
})

interface Asked {
  readonly authorization: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** What requests over HTTP are answered with that are asked all at once, under the ids from 0 on. */
export const postAll = (
  url: string,
  { authorization, headers = {} }: Asked,
  requests: ReadonlyArray<{ readonly tag: string; readonly payload: unknown }>
) =>
  Effect.promise(async (): Promise<ReadonlyArray<RawMessage>> => {
    const lines = requests.map((request, id) =>
      JSON.stringify({ _tag: "Request", id: String(id), ...request, headers: [] })
    )
    const response = await fetch(`${url}/rpc`, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/x-ndjson",
        ...(authorization === undefined ? {} : { authorization })
      },
      body: `${lines.join("\n")}\n`
    })
    const text = await response.text()
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  })

/** The same of one. */
export const post = (
  url: string,
  authorization: string | undefined,
  tag: string,
  payload: unknown = {},
  headers: Readonly<Record<string, string>> = {}
) => Effect.map(postAll(url, { authorization, headers }, [{ tag, payload }]), ([answer]) => answer!)
