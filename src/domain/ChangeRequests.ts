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

type Asked = Schema.ConstraintDecoder<unknown> & { readonly Type: { readonly message_id: MessageId } }

const request = <S extends Asked>(schema: S, changeOf: (input: S["Type"]) => Change): Decode => {
  const decode = decoder(schema)
  return (payload) =>
    Result.map(decode(payload), (input) => ({ messageId: input.message_id, change: changeOf(input) }))
}

/** The change that each request means, whichever edge it came by. */
export const changeOf = {
  editMessage: ({ content, metadata, version_seq }: Omit<typeof EditMessage.Type, "message_id">): Change => ({
    kind: "edit",
    content,
    metadata: metadata ?? null,
    expected: version_seq ?? null
  }),
  deleteMessage: ({ scope }: Pick<typeof DeleteMessage.Type, "scope">): Change => ({
    kind: scope === "me" ? "hide" : "delete"
  }),
  addReaction: ({ reaction }: Pick<typeof ReactToMessage.Type, "reaction">): Change => ({
    kind: "react",
    reaction
  }),
  removeReaction: ({ reaction }: Pick<typeof ReactToMessage.Type, "reaction">): Change => ({
    kind: "unreact",
    reaction
  }),
  addAttachment: ({ media_id, media_type, metadata }: NewAttachment): Change => ({
    kind: "attach",
    attachment: { media_id, media_type, ...(metadata === undefined ? {} : { metadata }) }
  }),
  pinMessage: (): Change => ({ kind: "pin" }),
  unpinMessage: (): Change => ({ kind: "unpin" })
}

const events: ReadonlyMap<string, Decode> = new Map([
  ["edit_message", request(EditMessage, changeOf.editMessage)],
  ["delete_message", request(DeleteMessage, changeOf.deleteMessage)],
  ["add_reaction", request(ReactToMessage, changeOf.addReaction)],
  ["remove_reaction", request(ReactToMessage, changeOf.removeReaction)],
  ["add_attachment", request(AddAttachment, changeOf.addAttachment)],
  ["pin_message", request(OneMessage, changeOf.pinMessage)],
  ["unpin_message", request(OneMessage, changeOf.unpinMessage)]
])

/** What an event asks for; `undefined` when it asks for no change. */
export const decodeChange = (
  event: string,
  payload: unknown
): Result.Result<ChangeRequest, InvalidInput> | undefined => events.get(event)?.(payload)
