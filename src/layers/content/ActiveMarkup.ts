/**
 * HTML that runs: scripts, frames and plug-ins, event handlers, URLs that are scripts. A real HTML tokenizer looks at
 * what a browser would make of the text; `a < b`, generics and tags that only format are not markup that runs.
 *
 * Gotcha: the tokenizer and not the parser, whose list of open tags makes its work grow with the square of the text.
 */
import { Tokenizer } from "htmlparser2"

const elements = new Set([
  ...["script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "link", "meta", "portal"],
  ...["style", "template", "noscript", "foreignobject", "animate", "set"]
])

const scripts = /^(?:javascript|vbscript|livescript|data:text\/html|data:image\/svg|data:application\/x)/i
/** What browsers skip in a URL. */
const skipped = /[\p{Cc} ]+/gu
/** Characters of a value that tell its scheme, without those that are skipped, of which there may be any number. */
const SCHEME = 200
/** Longer than the names of all elements. */
const LONGEST_NAME = 16

const isHandler = (attribute: string): boolean => attribute.startsWith("on") && attribute.length > 3

interface Tag {
  readonly start: number
  readonly end: number
}

const ignore = () => {}

/** Where tags that run begin and end; the first one only, unless all are wanted. */
const findTags = (text: string, all: boolean): ReadonlyArray<Tag> => {
  const tags: Array<Tag> = []
  let start = 0
  let isActive = false
  let attribute = ""
  let value = ""
  const nameOf = (from: number, to: number) =>
    to - from > LONGEST_NAME ? "" : text.slice(from, to).toLowerCase()

  const onTagEnd = (end: number) => {
    if (!isActive) return
    tags.push({ start, end: end + 1 })
    if (!all) tokenizer.pause()
  }
  const tokenizer: Tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      onopentagname: (from, to) => {
        start = from - 1
        isActive = elements.has(nameOf(from, to))
      },
      onattribname: (from, to) => {
        attribute = nameOf(from, Math.min(to, from + LONGEST_NAME))
        value = ""
      },
      onattribdata: (from, to) => {
        if (value.length < SCHEME) value += text.slice(from, to).replace(skipped, "").slice(0, SCHEME)
      },
      onattribentity: (codepoint) => {
        if (value.length < SCHEME) value += String.fromCodePoint(codepoint).replace(skipped, "")
      },
      onattribend: () => {
        isActive ||= isHandler(attribute) || attribute === "srcdoc" || scripts.test(value)
      },
      onopentagend: onTagEnd,
      onselfclosingtag: onTagEnd,
      onclosetag: (from, to) => {
        if (!elements.has(nameOf(from, to))) return
        const end = text.indexOf(">", to)
        tags.push({ start: from - 2, end: end === -1 ? text.length : end + 1 })
      },
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onend: ignore,
      onprocessinginstruction: ignore,
      ontext: ignore,
      ontextentity: ignore
    }
  )
  tokenizer.write(text)
  // What the text leaves open, a page closes with what it goes on with: a value, then the tag.
  if (all || tags.length === 0) tokenizer.write(">")
  if (all || tags.length === 0) tokenizer.write("\"'>")
  return tags
}

/** The first letter of a tag, which a browser insists on. */
const tag = /<[/!?]?[a-z]/i

export const hasActiveMarkup = (text: string): boolean => tag.test(text) && findTags(text, false).length > 0

/** Until nothing is left: what is taken out may leave a tag behind. */
export const removeActiveMarkup = (text: string): string => {
  let left = text
  for (let rounds = 0; rounds < 8 && tag.test(left); rounds++) {
    const tags = findTags(left, true)
    if (tags.length === 0) return left
    let kept = ""
    let at = 0
    for (const { end, start } of tags) {
      kept += left.slice(at, Math.max(at, start))
      at = Math.max(at, end)
    }
    left = kept + left.slice(at)
  }
  // Whoever nests deeper than this means it.
  return hasActiveMarkup(left) ? left.replaceAll("<", "") : left
}
