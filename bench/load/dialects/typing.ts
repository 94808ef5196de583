/**
 * Phoenix V2 with typing indicators in place of messages: the service's fan-out with nothing stored. Starts and
 * stops alternate, since a repeated start is not broadcast. An indicator does not reach its own sender.
 */
import type { Dialect } from "./Dialect.ts"
import { isBroadcast, phoenix } from "./phoenix.ts"

const INDICATOR = Buffer.from("typing_indicator")

/** By topic, whether its sender is typing. */
const typing = new Map<string, boolean>()

export const typingIndicators: Dialect = {
  ...phoenix,
  send: (topic, joinRef, ref) => {
    const wasTyping = typing.get(topic) ?? false
    typing.set(topic, !wasTyping)
    return `["${joinRef}","${ref}","${topic}","${wasTyping ? "typing_stop" : "typing_start"}",{}]`
  },
  read: (buffer, start, end) =>
    isBroadcast(INDICATOR, buffer, start, end) ? "delivery" : phoenix.read(buffer, start, end)
}
