import { assert, describe, it } from "@effect/vitest"
import { fromJSON, type ServiceDefinition } from "@grpc/proto-loader"
import * as RetryInfo from "../../../src/edges/grpc/RetryInfo.ts"

const field = (type: string, id: number) => ({ type, id })

/** google/rpc/status.proto and google/rpc/error_details.proto, as far as it goes. */
const contract = fromJSON({
  nested: {
    Status: {
      fields: {
        code: field("int32", 1),
        message: field("string", 2),
        details: { rule: "repeated", ...field("Any", 3) }
      }
    },
    Any: { fields: { type_url: field("string", 1), value: field("bytes", 2) } },
    RetryInfo: { fields: { retry_delay: field("Duration", 1) } },
    Duration: { fields: { seconds: field("int64", 1), nanos: field("int32", 2) } },
    Reader: {
      methods: {
        Status: { requestType: "Status", responseType: "Status" },
        RetryInfo: { requestType: "RetryInfo", responseType: "RetryInfo" }
      }
    }
  }
} as never).Reader as ServiceDefinition

const read = (message: "Status" | "RetryInfo", bytes: Buffer): unknown =>
  JSON.parse(JSON.stringify(contract[message]!.responseDeserialize(bytes)))

describe("RetryInfo", () => {
  it("is what a protobuf library reads", () => {
    for (const [ms, delay] of [
      [1, { nanos: 1_000_000 }],
      [1_500, { seconds: 1, nanos: 500_000_000 }],
      [60_000, { seconds: 60 }],
      [3_600_000 * 24 * 365, { seconds: 31_536_000 }]
    ] as const) {
      const message = "Too many requests ".repeat(20)
      const status = contract.Status!.responseDeserialize(RetryInfo.encode(8, message, ms)) as {
        readonly code: number
        readonly message: string
        readonly details: ReadonlyArray<{ readonly type_url: string; readonly value: Buffer }>
      }
      assert.deepStrictEqual([status.code, status.message], [8, message])
      assert.deepStrictEqual(
        status.details.map(({ type_url }) => type_url),
        ["type.googleapis.com/google.rpc.RetryInfo"]
      )
      const info = read("RetryInfo", status.details[0]!.value) as { readonly retry_delay: object }
      const numbers = Object.entries(info.retry_delay).map(([name, value]) => [
        name,
        Number((value as { readonly low?: number }).low ?? value)
      ])
      assert.deepStrictEqual(Object.fromEntries(numbers), delay)
    }
  })
})
