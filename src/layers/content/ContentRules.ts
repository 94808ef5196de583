/**
 * The rules of the content policy, as data. Messages are text, which renderers escape; so ordinary talk, also about
 * code, is not changed by any rule that is on without being asked for. What is repaired by default is what no person
 * types: characters that cannot be seen and mislead who reads, or hide what is written.
 *
 * Every search is linear in the length of the text: no pattern here can be made to backtrack.
 */
import { hasActiveMarkup, removeActiveMarkup } from "./ActiveMarkup.ts"
import * as BlockedWords from "./BlockedWords.ts"
import { isRepetitive } from "./Repetition.ts"

export const RuleMode = ["off", "flag", "sanitize", "reject"] as const
export type RuleMode = (typeof RuleMode)[number]

export interface Rule {
  readonly what: string
  readonly mode: RuleMode
  /** Whether the text breaks the rule. */
  readonly find: (text: string) => boolean
  /** The text without what breaks the rule; a rule that cannot repair has none, and refuses instead. */
  readonly sanitize?: (text: string) => string
}

const pattern = (what: string, mode: RuleMode, searched: RegExp, repaired: RegExp, by: string): Rule => ({
  what,
  mode,
  find: (text) => searched.test(text),
  sanitize: (text) => text.replace(repaired, by)
})

/** Neither tab nor line breaks. */
const controls = "[\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u0084\\u0086-\\u009F]"
/** Joiners, variation selectors and tags make emoji and whole scripts, but not this many of them in a row. */
const unseen =
  "[\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F\\u200B-\\u200F\\u2060-\\u2064\\u206A-\\u206F\\u3164\\uFE00-\\uFE0F\\uFEFF\\uFFA0\\u{E0000}-\\u{E0FFF}]"
const overrides = "[\\u202D\\u202E]"

/** Of what people have tried on databases, shells, templates and loggers. None of it does anything here. */
const injection = new RegExp(
  [
    "\\bunion\\s{1,20}(?:all\\s{1,20})?select\\b",
    "'\\s{0,20}(?:or|and)\\s{1,20}'?\\d{1,9}'?\\s{0,20}=\\s{0,20}'?\\d",
    ";\\s{0,20}(?:drop|truncate)\\s{1,20}table\\b",
    "\\$\\{(?:jndi|env|sys|lower|upper|\\$)[:{]",
    "\\{\\{\\s{0,20}\\d{1,9}\\s{0,20}\\*\\s{0,20}\\d",
    "<%=?\\s{0,20}\\d",
    "\\$\\(\\s{0,20}(?:curl|wget|rm|nc|bash|sh)\\s",
    "<!ENTITY\\s"
  ].join("|"),
  "i"
)

/** In the order in which they are applied. `words`: the operator's list for `blocked_words`. */
export const makeRules = (words: ReadonlyArray<string>) => {
  const blocked = BlockedWords.make(words)
  return {
    lone_surrogates: {
      what: "halves of surrogate pairs, which are no characters",
      mode: "sanitize",
      find: (text: string) => !text.isWellFormed(),
      sanitize: (text: string) => text.toWellFormed()
    },
    control_characters: pattern(
      "control characters other than tab and line breaks",
      "sanitize",
      new RegExp(controls),
      new RegExp(controls, "g"),
      ""
    ),
    bidi_overrides: pattern(
      "overrides of the writing direction, which show a text as another one",
      "sanitize",
      new RegExp(overrides),
      new RegExp(overrides, "g"),
      ""
    ),
    invisible_text: pattern(
      "more than 16 characters in a row that cannot be seen",
      "sanitize",
      new RegExp(`${unseen}{17}`, "u"),
      new RegExp(`${unseen}{17,}`, "gu"),
      ""
    ),
    blocked_words: {
      what: "words of `BLOCKED_WORDS`, also with look-alike letters, digits for letters, or invisible characters between",
      mode: "reject",
      find: blocked.find,
      sanitize: blocked.mask
    },
    repetition: {
      what: "one character more than 1,000 times in a row, or one line more than 200 times",
      mode: "flag",
      find: isRepetitive
    },
    active_markup: {
      what: "HTML that would run a script if a renderer did not escape it",
      mode: "flag",
      find: hasActiveMarkup,
      sanitize: removeActiveMarkup
    },
    injection: {
      what: "what is typed to attack databases, shells, templates and loggers",
      mode: "flag",
      find: (text: string) => injection.test(text)
    }
  } satisfies Record<string, Rule>
}

export type RuleName = keyof ReturnType<typeof makeRules>
