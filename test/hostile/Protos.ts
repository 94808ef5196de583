/** Calls over gRPC whose messages are no good: bytes flipped, cut off, doubled, or of chance alone. */
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js"
import { load } from "../../proto/Proto.ts"
import * as Malformed from "./Malformed.ts"
import { type Attack, count, inspect } from "./Target.ts"

const LANES = 16

const service = load("messaging.proto")["messaging.MessagingService"] as unknown as Readonly<
  Record<string, { readonly path: string; readonly requestSerialize: (request: object) => Buffer }>
>

export const attack: Attack = async (target, by, times, toll) => {
  const client = new Client(`127.0.0.1:${target.app.grpcPort}`, credentials.createInsecure())
  const good = {
    conversation_id: target.own,
    event_type: "settings_changed",
    user_id: target.foreignUser,
    metadata: { a: "b" },
    message_id: target.ownMessage,
    media_id: "m",
    media_type: "image",
    group_id: "g",
    creator_id: target.foreignUser,
    member_ids: [target.foreignUser],
    group_name: "x",
    settings: { a: "b" },
    metrics: ["message_count"]
  }
  const methods = Object.values(service).map(({ path, requestSerialize }) => ({
    path,
    bytes: requestSerialize(good)
  }))

  const send = (): Promise<void> => {
    const { bytes, path } = by.pick(methods)
    const metadata = new Metadata()
    // Most with the token of a service: what is refused for its token is not decoded.
    metadata.set("authorization", `Bearer ${by.is(0.9) ? target.serviceToken : target.token}`)
    const message = Malformed.bytes(by, bytes)
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        (value: Buffer) => value,
        (value: Buffer) => value,
        message,
        metadata,
        { deadline: Date.now() + 30_000 },
        (error: ServiceError | null, answer?: Buffer) => {
          const code = error === null ? status.OK : error.code
          count(toll, `grpc ${status[code]}`)
          inspect(toll, path, error === null ? String(answer) : error.details)
          // The library itself says INTERNAL of bytes that are no message: that is no mistake of ours.
          const isOurs = error?.metadata.get("reason")[0] === "internal"
          if (code === status.UNKNOWN || isOurs) {
            toll.wrong.push(
              `${path} of ${message.toString("hex")} answered ${status[code]}: ${error?.details}`
            )
          }
          resolve()
        }
      )
    })
  }

  let left = times
  const lane = async () => {
    while (left-- > 0) await send()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  client.close()
}
