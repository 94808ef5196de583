/**
 * What Postgres cannot hold though JSON and JavaScript can: checked before a batch, since one such value would make
 * the database reject all of it. Content may be any well-formed string: it is stored as bytes.
 */
import { refusal } from "../../domain/BoundedJson.ts"
import type { Issue } from "../../domain/Errors.ts"
import type { Metadata } from "../../domain/Message.ts"
import type { NewMessage } from "../../domain/ports/MessageWriter.ts"

/** The last instant that JavaScript's dates hold; Postgres' go on. */
const latest = 8.64e15

interface Written {
  readonly content: string
  readonly metadata: Metadata | null
}

const metadataIssues = (path: string, metadata: Metadata | null): ReadonlyArray<Issue> => {
  const message = metadata === null ? undefined : refusal(metadata)
  return message === undefined ? [] : [{ path, message }]
}

/** Why this edit cannot be stored; empty when it can. */
export const unstorableEdit = ({ content, metadata }: Written): ReadonlyArray<Issue> => {
  const issues = metadataIssues("metadata", metadata)
  if (content.isWellFormed()) return issues
  return [{ path: "content", message: "Expected text without lone surrogates" }, ...issues]
}

/** Why this attachment cannot be stored; empty when it can. */
export const unstorableAttachment = (metadata: Metadata | undefined): ReadonlyArray<Issue> =>
  metadataIssues("attachment.metadata", metadata ?? null)

/** Why this message cannot be stored; empty when it can. */
export const unstorable = (message: NewMessage): ReadonlyArray<Issue> => {
  const issues = [
    ...unstorableEdit(message),
    ...message.attachments.flatMap(({ metadata }, i) => metadataIssues(`attachments.${i}.metadata`, metadata))
  ]
  if (message.expiresAt === null || Math.abs(message.expiresAt) <= latest) return issues
  return [...issues, { path: "expires_at", message: "Expected a date" }]
}
