/**
 * A peer service in the test's own process: a real gRPC server that answers as it is told, or misbehaves. It can be
 * taken away and brought back on its port.
 */
import {
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type status
} from "@grpc/grpc-js"
import { Effect } from "effect"
import type { Services } from "../../proto/Contracts.ts"
import { FILES, load } from "../../proto/Proto.ts"
import * as Ports from "./Ports.ts"

const contracts = load(...FILES)

/** Bytes that are no message. */
export const rubbish = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x00])

/** `hang`: there never is an answer; `die`: the server is gone, and its connections with it. */
export type Behaviour = object | Buffer | { readonly refuse: status } | "hang" | "die"

export interface Asked {
  readonly method: string
  readonly request: Readonly<Record<string, unknown>>
}

export interface FakePeer {
  readonly url: URL
  /** All calls so far, */
  readonly asked: ReadonlyArray<Asked>
  /** and what came with each beside the request. */
  readonly heads: ReadonlyArray<Readonly<Record<string, unknown>>>
  /** What is answered from now on, by method. */
  readonly behave: (behaviour: (asked: Asked) => Behaviour | Promise<Behaviour>) => void
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (service: keyof Services) {
  const definition = contracts[service] as Readonly<Record<string, MethodDefinition<unknown, unknown>>>
  const port = yield* Ports.free()
  const asked: Array<Asked> = []
  const heads: Array<Readonly<Record<string, unknown>>> = []
  let behaviour: (asked: Asked) => Behaviour | Promise<Behaviour> = () => ({})
  let server: Server | undefined

  const answering =
    (method: string): handleUnaryCall<unknown, unknown> =>
    async (call, callback) => {
      const one = { method, request: call.request as Asked["request"] }
      asked.push(one)
      heads.push(call.metadata.getMap())
      const answer = await behaviour(one)
      if (answer === "hang") return
      if (answer === "die") return server?.forceShutdown()
      if ("refuse" in answer) return callback({ code: answer.refuse, details: "the peer says no" })
      callback(null, answer)
    }

  const start = Effect.callback<void>((resume) => {
    const started = new Server()
    const names = Object.keys(definition)
    const lenient = names.map((name) => {
      const method = definition[name]!
      const responseSerialize = (value: unknown) =>
        Buffer.isBuffer(value) ? value : method.responseSerialize(value)
      return [name, { ...method, responseSerialize }]
    })
    started.addService(
      Object.fromEntries(lenient) as ServiceDefinition,
      Object.fromEntries(names.map((name) => [name, answering(name)]))
    )
    started.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
      server = started
      resume(error === null ? Effect.void : Effect.die(error))
    })
  })
  const stop = Effect.sync(() => server?.forceShutdown())

  yield* Effect.acquireRelease(start, () => stop)
  return {
    url: new URL(`grpc://127.0.0.1:${port}`),
    asked,
    heads,
    behave: (next) => {
      behaviour = next
    },
    start,
    stop
  } satisfies FakePeer
})
