/**
 * What Postgres cannot hold though JSON and JavaScript can: checked before a batch, since one such value would make
 * the database reject all of it. Content may be any well-formed string: it is stored as bytes.
 */
import type { Issue } from "../domain/Errors.ts"
import type { Metadata } from "../domain/Message.ts"
import type { NewMessage } from "../domain/ports/MessageWriter.ts"

/** The last instant that JavaScript's dates hold; Postgres' go on. */
const latest = 8.64e15

/** Levels of nesting that metadata may have; whoever needs more is attacking a recursive function. */
const maxDepth = 64

/** jsonb holds neither U+0000 nor half of a surrogate pair. */
const isStorableJson = (value: unknown, depth = 0): boolean => {
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0")
  if (typeof value !== "object" || value === null) return true
  if (depth === maxDepth) return false
  if (Array.isArray(value)) return value.every((item) => isStorableJson(item, depth + 1))
  for (const key in value) {
    if (!isStorableJson(key) || !isStorableJson((value as Record<string, unknown>)[key], depth + 1))
      return false
  }
  return true
}

const jsonRule = `must hold neither U+0000 nor half of a surrogate pair, and nest at most ${maxDepth} deep`

interface Written {
  readonly content: string
  readonly metadata: Metadata | null
}

const issuesOf = ({ content, metadata }: Written): Array<Issue> => {
  const issues: Array<Issue> = []
  if (!content.isWellFormed()) {
    issues.push({
      path: "content",
      message: "must be well-formed Unicode: it holds half of a surrogate pair"
    })
  }
  if (!isStorableJson(metadata)) {
    issues.push({ path: "metadata", message: jsonRule })
  }
  return issues
}

/** Why this edit cannot be stored; empty when it can. */
export const unstorableEdit = (edit: Written): ReadonlyArray<Issue> => issuesOf(edit)

/** Why this message cannot be stored; empty when it can. */
export const unstorable = (message: NewMessage): ReadonlyArray<Issue> => {
  const issues = issuesOf(message)
  message.attachments.forEach((attachment, i) => {
    if (!isStorableJson(attachment.metadata)) {
      issues.push({ path: `attachments.${i}.metadata`, message: jsonRule })
    }
  })
  if (message.expiresAt !== null && !(Math.abs(message.expiresAt) <= latest)) {
    issues.push({ path: "expires_at", message: "must be a date" })
  }
  return issues
}
