/** Replies of channels: success and refusal, in the serializer of their socket. A null ref is answered as any other. */
import { InvalidInput, type Refusal } from "../../domain/Errors.ts"
import type { Ref } from "../../domain/protocol/Frame.ts"
import { toWire } from "../../domain/Refusal.ts"
import { encoded } from "../topic/SharedFrame.ts"
import type { Channel, ChannelHost } from "./Channel.ts"

type At = Pick<Channel, "topic" | "joinRef">

/** `response` is JSON text. */
export const reply = (host: ChannelHost, at: At, ref: Ref, response: string): void => {
  host.send(encoded(host.serializer.reply(at.joinRef, ref, at.topic, "ok", response)), false)
}

/** The `response` of a refusing reply, as JSON text: the reason and what the client may know. */
export const refusalResponse = (refusal: Refusal): string => {
  const wire = toWire(refusal)
  return JSON.stringify({ reason: wire.reason, ...wire.fields })
}

export const refuse = (host: ChannelHost, at: At, ref: Ref, refusal: Refusal): void => {
  host.send(
    encoded(host.serializer.reply(at.joinRef, ref, at.topic, "error", refusalResponse(refusal))),
    false
  )
}

export const unknownEvent = (host: ChannelHost, at: At, ref: Ref, event: string): void =>
  refuse(
    host,
    at,
    ref,
    new InvalidInput({
      issues: [{ path: "event", message: `There is no event "${event.slice(0, 64)}" on this topic` }]
    })
  )
