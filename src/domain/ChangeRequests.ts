/** How clients ask for changes of messages on a channel: the events, their payloads, and the changes they mean. */
import { Result, Schema } from "effect"
import { type Change, ReactionKey } from "./Changes.ts"
import { NewAttachment } from "./Commands.ts"
import { decoder } from "./Decode.ts"
import type { InvalidInput } from "./Errors.ts"
import { MessageId } from "./Ids.ts"
import { MessageMetadata, Seq } from "./Message.ts"

/** With `version_seq`, only that version is edited. */
export const EditMessage = Schema.Struct({
  message_id: MessageId,
  content: Schema.String,
  metadata: Schema.optionalKey(MessageMetadata),
  version_seq: Schema.optionalKey(Seq)
})

/** For oneself, on all of one's devices, or for everyone. */
export const DeleteScope = Schema.Literals(["me", "everyone"])

export const DeleteMessage = Schema.Struct({ message_id: MessageId, scope: DeleteScope })
export const ReactToMessage = Schema.Struct({ message_id: MessageId, reaction: ReactionKey })
export const OneMessage = Schema.Struct({ message_id: MessageId })

export const AddAttachment = Schema.Struct({ message_id: MessageId, ...NewAttachment.fields })

export interface ChangeRequest {
  readonly messageId: MessageId
  readonly change: Change
}

type Decode = (payload: unknown) => Result.Result<ChangeRequest, InvalidInput>

const request = <A extends { readonly message_id: MessageId }>(
  decode: (payload: unknown) => Result.Result<A, InvalidInput>,
  changeOf: (input: A) => Change
): Decode => {
  return (payload) =>
    Result.map(decode(payload), (input) => ({ messageId: input.message_id, change: changeOf(input) }))
}

const events: ReadonlyMap<string, Decode> = new Map([
  [
    "edit_message",
    request(decoder(EditMessage), ({ content, metadata, version_seq }) => ({
      kind: "edit",
      content,
      metadata: metadata ?? null,
      expected: version_seq ?? null
    }))
  ],
  [
    "delete_message",
    request(decoder(DeleteMessage), ({ scope }) => ({ kind: scope === "me" ? "hide" : "delete" }))
  ],
  ["add_reaction", request(decoder(ReactToMessage), ({ reaction }) => ({ kind: "react", reaction }))],
  ["remove_reaction", request(decoder(ReactToMessage), ({ reaction }) => ({ kind: "unreact", reaction }))],
  [
    "add_attachment",
    request(decoder(AddAttachment), ({ message_id: _, ...attachment }) => ({ kind: "attach", attachment }))
  ],
  ["pin_message", request(decoder(OneMessage), () => ({ kind: "pin" }))],
  ["unpin_message", request(decoder(OneMessage), () => ({ kind: "unpin" }))]
])

/** What an event asks for; `undefined` when it asks for no change. */
export const decodeChange = (
  event: string,
  payload: unknown
): Result.Result<ChangeRequest, InvalidInput> | undefined => events.get(event)?.(payload)
