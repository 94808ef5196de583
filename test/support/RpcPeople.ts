/** Clients of typed RPC in tests, and what a reader of events has been told. */
import { Effect, Layer, Redacted } from "effect"
import * as Client from "../../src/client/MessagingClient.ts"
import type { ConversationEvent } from "../../src/domain/ConversationEvent.ts"

export type Protocol = NonNullable<Client.ClientOptions["protocol"]>

/** A client for as long as the scope is open, with one token, or with that of the moment. */
export const client = (
  { url }: { readonly url: string },
  { token }: { readonly token: string | Effect.Effect<string> },
  protocol: Protocol = "websocket"
) =>
  Effect.map(
    Layer.build(
      Client.layer({
        url,
        token:
          typeof token === "string" ? Redacted.make(token) : Effect.map(token, (it) => Redacted.make(it)),
        protocol
      })
    ),
    (built) => built.mapUnsafe.get(Client.MessagingClient.key) as Client.MessagingClient["Service"]
  )

/** The numbers that an element tells of: those of a snapshot's messages, or its own. */
export const numbers = (element: ConversationEvent): ReadonlyArray<number> => {
  if (element.event === "snapshot") return element.payload.messages.map((message) => message.version_seq)
  return element.seq === null ? [] : [element.seq]
}
