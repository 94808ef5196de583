/**
 * The call of `change_messages` (migrations/0013): changes as its parameters, its rows as their results, one each and
 * in the same order.
 */
import { Result } from "effect"
import { deletedAlready, MAX_PINS, MAX_REACTIONS } from "../../domain/Changes.ts"
import { MAX_ATTACHMENTS } from "../../domain/Commands.ts"
import { Conflict, NotFound } from "../../domain/Errors.ts"
import type { Attachment, Metadata, Reaction } from "../../domain/Message.ts"
import type { ChangeError, ChangeOutcome, NewChange } from "../../domain/ports/MessageWriter.ts"
import { byteas, float8s, jsonbs, texts, timestamps, uuids } from "../database/SqlArrays.ts"

export type Outcome = Result.Result<ChangeOutcome, ChangeError>

export const changeSql = `
  SELECT * FROM change_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ${MAX_REACTIONS}, ${MAX_PINS}, ${MAX_ATTACHMENTS})`

const editOf = ({ change }: NewChange) => (change.kind === "edit" ? change : undefined)

const contentOf = (change: NewChange): Uint8Array | null => {
  const edit = editOf(change)
  return edit === undefined ? null : Buffer.from(edit.content, "utf8")
}

const reactionOf = ({ change }: NewChange): string | null => ("reaction" in change ? change.reaction : null)

const attachmentOf = ({ change }: NewChange) =>
  change.kind === "attach"
    ? {
        media_id: change.attachment.media_id,
        media_type: change.attachment.media_type,
        metadata: change.attachment.metadata ?? {}
      }
    : null

export const parametersOf = (changes: ReadonlyArray<NewChange>): ReadonlyArray<unknown> => [
  uuids(changes.map((c) => c.id)),
  texts(changes.map((c) => c.change.kind)),
  uuids(changes.map((c) => c.conversationId)),
  uuids(changes.map((c) => c.messageId)),
  uuids(changes.map((c) => c.userId)),
  timestamps(changes.map((c) => c.at)),
  byteas(changes.map(contentOf)),
  jsonbs(changes.map((c) => editOf(c)?.metadata ?? null)),
  float8s(changes.map((c) => editOf(c)?.expected ?? null)),
  texts(changes.map(reactionOf)),
  jsonbs(changes.map(attachmentOf))
]

export interface OutcomeRow {
  readonly outcome: number
  readonly message_version: number
  readonly message_edited_at: Date | null
  readonly message_edit_count: number | null
  readonly message_metadata: Metadata | null
  readonly message_reactions: ReadonlyArray<Reaction> | null
  readonly message_attachments: ReadonlyArray<Attachment> | null
  readonly message_is_pinned: boolean | null
}

/** By the outcomes from 2 on. */
const refusals = [
  Result.fail(new NotFound({ what: "conversation" })),
  Result.fail(new NotFound({ what: "message" })),
  Result.fail(deletedAlready),
  Result.fail(new Conflict({ what: "the message has changed since" })),
  Result.fail(new Conflict({ what: `a message has at most ${MAX_REACTIONS} different reactions` })),
  Result.fail(new Conflict({ what: `a conversation has at most ${MAX_PINS} pinned messages` })),
  Result.fail(new Conflict({ what: `a message has at most ${MAX_ATTACHMENTS} attachments` }))
] as const

export const outcomeOf = (row: OutcomeRow): Outcome =>
  row.outcome >= 2
    ? refusals[row.outcome - 2]!
    : Result.succeed({
        versionSeq: row.message_version,
        changed: row.outcome === 0,
        rest:
          row.message_metadata === null
            ? undefined
            : {
                editedAt: row.message_edited_at?.getTime() ?? null,
                editCount: row.message_edit_count ?? 0,
                metadata: row.message_metadata,
                reactions: row.message_reactions ?? [],
                attachments: row.message_attachments ?? [],
                isPinned: row.message_is_pinned === true
              }
      })
