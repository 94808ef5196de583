/**
 * What the clients of this test have written, so that no process of it may ever log it: the contents of messages that are
 * long enough for nobody else to say the same. The latest are remembered.
 */

const MIN_LENGTH = 10
const MAX_TEXTS = 1_000

const texts = new Set<string>()

/** A request's body, or an event's payload. */
export const note = (body: unknown): void => {
  const content = (body as { readonly content?: unknown } | null | undefined)?.content
  if (typeof content !== "string" || content.length < MIN_LENGTH) return
  texts.delete(content)
  texts.add(content)
  if (texts.size > MAX_TEXTS) texts.delete(texts.values().next().value!)
}

/** One of them that is in here. */
export const findIn = (output: string): string | undefined => {
  for (const text of texts) if (output.includes(text)) return text
  return undefined
}
