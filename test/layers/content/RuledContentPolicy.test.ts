import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import type { Identity } from "../../../src/domain/Identity.ts"
import { DeviceId, UserId } from "../../../src/domain/Ids.ts"
import { AuditLog } from "../../../src/domain/ports/AuditLog.ts"
import { ContentPolicy } from "../../../src/domain/ports/ContentPolicy.ts"
import {
  makeRules,
  type Rule,
  type RuleMode,
  type RuleName
} from "../../../src/layers/content/ContentRules.ts"
import * as RuledContentPolicy from "../../../src/layers/content/RuledContentPolicy.ts"
import * as MemoryAuditLog from "../../../src/layers/memory/MemoryAuditLog.ts"
import { activeMarkup, injections } from "./Attacks.ts"
import { ordinary } from "./OrdinaryText.ts"

const author: Identity = {
  userId: UserId.make("00000000-0000-7000-8000-000000000001"),
  deviceId: DeviceId.make("phone"),
  tokenId: "t",
  trust: "normal",
  scopes: [],
  issuedAt: 0,
  expiresAt: 1
}

const blockedWords = ["badword", "сволочь", "cop"]

const policy = (modes: Partial<Record<RuleName, RuleMode>> = {}) =>
  ContentPolicy.pipe(
    Effect.provide(
      RuledContentPolicy.layer({ modes, blockedWords }).pipe(Layer.provideMerge(MemoryAuditLog.layer))
    )
  )

/** The text as it would be stored, or the rule that refuses it. */
const judge = (content: string, modes?: Partial<Record<RuleName, RuleMode>>) =>
  Effect.map(policy(modes), ({ judge }) =>
    Result.match(judge(author, { content }), {
      onSuccess: (admitted) => admitted.content,
      onFailure: ({ rule }) => `refused: ${rule}`
    })
  )

const rules: Readonly<Record<RuleName, Rule>> = makeRules(blockedWords)

describe("The content policy by default", () => {
  it.effect("looks at what is said of media as well, and changes nothing else of them", () =>
    Effect.gen(function* () {
      const { judge } = yield* policy()
      const media = (name: string) => [{ media_id: "m", metadata: { name, size: 1 } }]
      const judged = (name: string) => judge(author, { content: "see", attachments: media(name) })
      assert.deepStrictEqual(
        Result.getOrThrow(judged("photo\u202Egpj.exe")).attachments,
        media("photogpj.exe")
      )
      const refused = judged("badword.png")
      assert.strictEqual(Result.isFailure(refused) && refused.failure.rule, "blocked_words")
      const ordinary = { content: "see", attachments: media("photo.jpg") }
      assert.strictEqual(Result.getOrThrow(judge(author, ordinary)), ordinary)
    })
  )

  it.effect("changes and refuses nothing that people write", () =>
    Effect.gen(function* () {
      for (const text of ordinary) assert.strictEqual(yield* judge(text), text)
    })
  )

  it("flags nothing of it either", () => {
    for (const text of ordinary) {
      const found = Object.entries(rules).filter(([, rule]) => rule.find(text))
      assert.deepStrictEqual(
        found.map(([name]) => name),
        [],
        text
      )
    }
  })

  it.effect("stores text as it was written, code and markup too: who shows it escapes it", () =>
    Effect.gen(function* () {
      for (const text of [...injections, ...activeMarkup.filter((text) => !text.includes("\u0001"))]) {
        assert.strictEqual(yield* judge(text), text)
      }
    })
  )

  it.effect("takes out what cannot be seen and misleads", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* judge("a\u0000b\u0007c\u001b[31md\u009be\tf\r\ng\u0085h"),
        "abc[31mde\tf\r\ng\u0085h"
      )
      assert.strictEqual(yield* judge("invoice\u202Efdp.exe\u202C"), "invoicefdp.exe\u202C")
      assert.strictEqual(
        yield* judge("half \ud83d, whole 😀, half \ude00"),
        "half \ufffd, whole 😀, half \ufffd"
      )
      assert.strictEqual(yield* judge(`hid${"\u200b".repeat(40)}den`), "hidden")
      assert.strictEqual(yield* judge(`a${"\u{E0041}\u{E0042}".repeat(500)}b`), "ab")
    })
  )

  it.effect("refuses blocked words however they are dressed", () =>
    Effect.gen(function* () {
      for (const text of [
        "badword",
        "You BadWord!",
        "(badword)",
        // As many as are let through, before, between and behind the letters.
        ["", ..."badword", ""].join("\u200D".repeat(16)),
        "ｂａｄｗｏｒｄ",
        "𝐛𝐚𝐝𝐰𝐨𝐫𝐝",
        "ⓑⓐⓓⓦⓞⓡⓓ",
        "b\u200badw\u00adord",
        "bádwörd",
        "b̶a̶d̶w̶o̶r̶d̶",
        "bаdwоrd", // Cyrillic а and о
        "bαdwοrd", // Greek
        "b4dw0rd",
        "b@dword",
        "baaaadwoooord",
        "такая сволочь",
        "x\nbadword\ny"
      ]) {
        assert.strictEqual(yield* judge(text), "refused: blocked_words", text)
      }
    })
  )

  it.effect("and not words that contain them, or are others in another alphabet", () =>
    Effect.gen(function* () {
      for (const text of ["badwords", "mybadword", "copper", "Copenhagen", "сор", "рорсоrnсор", "bad word"]) {
        assert.strictEqual(yield* judge(text), text)
      }
    })
  )
})

describe("The content policy as configured", () => {
  it.effect("masks blocked words, or lets them pass", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* judge("a bаdwоrd 👍", { blocked_words: "sanitize" }), "a ******* 👍")
      assert.strictEqual(yield* judge("a badword", { blocked_words: "flag" }), "a badword")
      assert.strictEqual(yield* judge("a badword", { blocked_words: "off" }), "a badword")
    })
  )

  it.effect("finds markup that would run, in all its forms", () =>
    Effect.gen(function* () {
      for (const text of activeMarkup) {
        assert.strictEqual(
          yield* judge(text, { active_markup: "reject", control_characters: "off" }),
          "refused: active_markup",
          text
        )
      }
    })
  )

  it.effect("takes it out, so that nothing that runs is left", () =>
    Effect.gen(function* () {
      for (const text of activeMarkup) {
        const left = yield* judge(text, { active_markup: "sanitize" })
        assert.isFalse(rules.active_markup.find(left), `${text} left ${left}`)
      }
      const kept = "a < b <b>bold</b> <img src=a.png onerror=x>done"
      assert.strictEqual(yield* judge(kept, { active_markup: "sanitize" }), "a < b <b>bold</b> done")
      const nested = `${"<scr".repeat(50)}<script>${"ipt>".repeat(50)}`
      assert.isFalse(rules.active_markup.find(yield* judge(nested, { active_markup: "sanitize" })))
    })
  )

  it.effect("finds what is typed to attack other systems", () =>
    Effect.gen(function* () {
      for (const text of injections) {
        assert.strictEqual(yield* judge(text, { injection: "reject" }), "refused: injection", text)
      }
    })
  )

  it.effect("finds endless repetition", () =>
    Effect.gen(function* () {
      for (const text of [
        "a".repeat(1_001),
        "👍".repeat(1_001),
        "buy now\n".repeat(201),
        `ok ${"!".repeat(5_000)}`
      ]) {
        assert.strictEqual(yield* judge(text, { repetition: "reject" }), "refused: repetition")
      }
      assert.strictEqual(yield* judge("a".repeat(900), { repetition: "sanitize" }), "a".repeat(900))
      assert.strictEqual(yield* judge("a".repeat(1_001), { repetition: "sanitize" }), "refused: repetition")
    })
  )
})

describe("The content policy", () => {
  it.effect("does not look into what is encrypted or binary, and does into its metadata", () =>
    Effect.gen(function* () {
      const { judge } = yield* policy()
      for (const metadata of [{ encoding: "base64" }, { encrypted: true }]) {
        const writing = { content: "badword\u0000", metadata }
        assert.deepStrictEqual(judge(author, writing), Result.succeed(writing))
        assert.isTrue(
          Result.isFailure(judge(author, { content: "", metadata: { ...metadata, name: "badword" } }))
        )
      }
      assert.isTrue(Result.isFailure(judge(author, { content: "badword", metadata: { encrypted: "no" } })))
    })
  )

  it.effect("judges the texts of metadata wherever they are, and keeps everything else", () =>
    Effect.gen(function* () {
      const { judge } = yield* policy()
      const metadata = { name: "a\u0007b", list: [1, null, { deep: "c\u202Ed", yes: true }] }
      const clean = { name: "ab", list: [1, null, { deep: "cd", yes: true }] }
      const judged = judge(author, { content: "x", metadata, reply_to_id: null })
      assert.deepStrictEqual(judged, Result.succeed({ content: "x", metadata: clean, reply_to_id: null }))
      const same = { content: "x", metadata: clean }
      const kept = judge(author, same)
      assert.strictEqual(Result.isSuccess(kept) && kept.success, same)
    })
  )

  it.effect("has on record who was refused by which rule, and not for what", () =>
    Effect.gen(function* () {
      const { judge } = yield* ContentPolicy
      judge(author, { content: "my badword" })
      judge(author, { content: "<script>" })
      const entries = yield* (yield* AuditLog).read({ limit: 9 })
      assert.deepStrictEqual(
        entries.map(({ action, actor, details }) => ({ action, actor, details })),
        [{ action: "content.rejected", actor: author.userId, details: { rule: "blocked_words" } }]
      )
      assert.notInclude(JSON.stringify(entries), "badword")
    }).pipe(
      Effect.provide(
        RuledContentPolicy.layer({ modes: {}, blockedWords }).pipe(Layer.provideMerge(MemoryAuditLog.layer))
      )
    )
  )

  /** Work that grows with the square of the length takes hundreds of times as long for twenty times the text. */
  const adversarial: Readonly<Record<string, (n: number) => string>> = {
    "open tags": (n) => "<".repeat(n),
    "tag beginnings": (n) => "<a ".repeat(n / 3),
    "tags in tags": (n) => "<script ".repeat(n / 8),
    "tags that stay open": (n) => "x <y>(z) ".repeat(n / 9),
    "tags that close nothing": (n) => "</a>".repeat(n / 4),
    "scripts that stay open": (n) => "<script></style>".repeat(n / 16),
    "an endless attribute": (n) => `<a href="${"x".repeat(n)}`,
    "endless attributes": (n) => `<a ${"x=y ".repeat(n / 4)}`,
    comments: (n) => "<!--".repeat(n / 4),
    entities: (n) => `<a href="${"&#106".repeat(n / 5)}">`,
    quotes: (n) => "' or ".repeat(n / 5),
    "quotes and spaces": (n) => `'${" ".repeat(n)}or`,
    spaces: (n) => " ".repeat(n),
    "union and spaces": (n) => `union${" ".repeat(20)}`.repeat(n / 25),
    braces: (n) => "{{".repeat(n / 2),
    dollars: (n) => "${$".repeat(n / 3),
    "combining marks": (n) => `a${"\u0301".repeat(n)}`,
    "invisible characters": (n) => `${"\u200b".repeat(16)}a`.repeat(n / 17),
    "one word": (n) => "b".repeat(n),
    "blocked words": (n) => "xbadword ".repeat(n / 9),
    lines: (n) => "ab\n".repeat(n / 3),
    surrogates: (n) => "\ud83d".repeat(n)
  }

  const millis = (work: () => void): number => {
    const startedAt = performance.now()
    work()
    return performance.now() - startedAt
  }

  it.effect.each(Object.entries(adversarial))("takes time in proportion to the text: %s", ([, make]) =>
    Effect.gen(function* () {
      const all = Object.fromEntries(Object.keys(rules).map((name) => [name, "flag"]))
      const { judge } = yield* policy({ ...all, blocked_words: "sanitize", active_markup: "sanitize" })
      const [short, long] = [{ content: make(10_000) }, { content: make(200_000) }]
      const took = (writing: { readonly content: string }) =>
        Math.min(...[1, 2, 3].map(() => millis(() => judge(author, writing))))
      judge(author, short)
      const base = Math.max(took(short), 1)
      assert.isBelow(took(long) / base, 150)
    })
  )
})
