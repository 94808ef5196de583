/**
 * Finds words of a list, whole words only: nobody's name and no town is refused for what it contains. A word is compared
 * in its plain form: compatibility forms and accents undone, invisible characters taken out, look-alikes of other
 * alphabets and digits that stand for letters read as Latin letters, letters repeated three times and more taken for
 * one.
 *
 * Look-alikes are read as Latin only in a word that has Latin letters too: otherwise Russian and Greek words would be
 * taken for English ones.
 */

export interface BlockedWords {
  readonly find: (text: string) => boolean
  /** Each letter of a blocked word as an asterisk. */
  readonly mask: (text: string) => string
}

const lookAlikes: Readonly<Record<string, string>> = {
  // Cyrillic
  ...{
    а: "a",
    в: "b",
    е: "e",
    ѕ: "s",
    і: "i",
    ј: "j",
    к: "k",
    м: "m",
    н: "h",
    о: "o",
    р: "p",
    с: "c",
    т: "t",
    у: "y"
  },
  ...{ х: "x", ԁ: "d", ԛ: "q", ԝ: "w", һ: "h", ӏ: "l", ь: "b", г: "r", п: "n" },
  // Greek
  ...{
    α: "a",
    β: "b",
    γ: "y",
    ε: "e",
    η: "n",
    ι: "i",
    κ: "k",
    μ: "u",
    ν: "v",
    ο: "o",
    ρ: "p",
    τ: "t",
    υ: "u",
    χ: "x"
  },
  ...{ ω: "w", ϲ: "c", ϳ: "j" },
  // Latin letters that compatibility forms do not undo
  ...{
    ı: "i",
    ł: "l",
    ø: "o",
    đ: "d",
    ħ: "h",
    ɑ: "a",
    ɡ: "g",
    ʀ: "r",
    ɴ: "n",
    ʜ: "h",
    ʟ: "l",
    ᴀ: "a",
    ᴄ: "c",
    ᴅ: "d"
  },
  ...{
    ᴇ: "e",
    ᴊ: "j",
    ᴋ: "k",
    ᴍ: "m",
    ᴏ: "o",
    ᴘ: "p",
    ᴛ: "t",
    ᴜ: "u",
    ᴠ: "v",
    ᴡ: "w",
    ᴢ: "z",
    ɢ: "g",
    ɪ: "i",
    ꜱ: "s"
  }
}

const digits: Readonly<Record<string, string>> = {
  0: "o",
  1: "i",
  3: "e",
  4: "a",
  5: "s",
  7: "t",
  8: "b",
  "@": "a",
  $: "s"
}

/** A run of what words are written with, and of what hides in them. */
const wordPattern = /[\p{L}\p{M}\p{N}@$\p{Cf}\p{Variation_Selector}\u24B6-\u24E9\u{1F130}-\u{1F149}]+/gu
const ascii = /^[a-z]+$/
const inWord = /[\p{M}\p{Cf}\p{Variation_Selector}]/gu
const repeated = /(.)\1{2,}/gu
/** Most words of most texts, for which there is nothing to undo. */
const plainLetters = /^[A-Za-z]+$/
/** Longer than any word; what is longer is not looked at. */
const MAX_WORD = 128

const plain = (word: string): string => {
  const bare = word.normalize("NFKD").replace(inWord, "").toLowerCase()
  return ascii.test(bare) ? bare : bare.normalize("NFC")
}

const asLatin = (word: string): string => {
  if (ascii.test(word) || !/[a-z]/.test(word)) return word
  let latin = ""
  for (const letter of word) latin += lookAlikes[letter] ?? digits[letter] ?? letter
  return latin
}

export const make = (words: ReadonlyArray<string>): BlockedWords => {
  const blocked = new Set(words.map((word) => plain(word.trim())).filter((word) => word !== ""))
  const isBlocked = (written: string): boolean => {
    // What cannot be seen makes no word longer than it looks.
    const word = written.length > MAX_WORD ? written.replace(inWord, "") : written
    if (word.length > MAX_WORD) return false
    if (blocked.has(word)) return true
    const folded = plainLetters.test(word) ? word.toLowerCase() : asLatin(plain(word))
    return blocked.has(folded) || blocked.has(folded.replace(repeated, "$1"))
  }
  if (blocked.size === 0) return { find: () => false, mask: (text) => text }
  return {
    find: (text) => {
      for (const [word] of text.matchAll(wordPattern)) if (isBlocked(word)) return true
      return false
    },
    mask: (text) =>
      text.replace(wordPattern, (word) => (isBlocked(word) ? "*".repeat([...word].length) : word))
  }
}
