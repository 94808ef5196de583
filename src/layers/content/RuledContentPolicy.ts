/** The content policy by rules: each in the mode that the configuration gives it, in their order. */
import { Effect, Layer, Metric, Result } from "effect"
import { ContentRejected } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import type { Metadata } from "../../domain/Message.ts"
import type { Writing } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { ContentPolicy } from "../../domain/ports/ContentPolicy.ts"
import { makeRules, type Rule, type RuleMode, type RuleName } from "./ContentRules.ts"

export interface ContentOptions {
  readonly modes: Readonly<Partial<Record<RuleName, RuleMode>>>
  readonly blockedWords: ReadonlyArray<string>
}

const findings = Metric.counter("content_findings_total", {
  description: "Texts in which a rule of the content policy found something, by rule and mode",
  incremental: true
})

/** Whether we may not look: the content is not text, or nobody but its readers can read it. */
const isOpaque = (metadata: Metadata | undefined): boolean =>
  metadata !== undefined && (typeof metadata.encoding === "string" || metadata.encrypted === true)

type Judge = (text: string) => Result.Result<string, ContentRejected>

/** The texts of a JSON value, judged; the very same value where nothing changed. Its depth is bounded at the edge. */
const judgeJson = (
  judge: Judge,
  json: Metadata[string]
): Result.Result<Metadata[string], ContentRejected> => {
  if (typeof json === "string") return judge(json)
  if (typeof json !== "object" || json === null) return Result.succeed(json)
  const judged: Array<[string, Metadata[string]]> = []
  let isChanged = false
  for (const [key, value] of Object.entries(json)) {
    const result = judgeJson(judge, value)
    if (Result.isFailure(result)) return result
    isChanged ||= result.success !== value
    judged.push([key, result.success])
  }
  if (!isChanged) return Result.succeed(json)
  return Result.succeed(Array.isArray(json) ? judged.map(([, value]) => value) : Object.fromEntries(judged))
}

const make = ({ blockedWords, modes }: ContentOptions) =>
  Effect.gen(function* () {
    const { note } = yield* AuditLog
    const context = yield* Effect.context<never>()
    const rules = Object.entries<Rule>(makeRules(blockedWords)).flatMap(([name, rule]) => {
      const mode = modes[name as RuleName] ?? rule.mode
      const counter = Metric.withAttributes(findings, { rule: name, mode })
      return mode === "off" ? [] : [{ ...rule, name, mode, counter }]
    })

    const judgeText =
      (author: Identity): Judge =>
      (text) => {
        let judged = text
        for (const { counter, find, mode, name, sanitize } of rules) {
          if (!find(judged)) continue
          counter.updateUnsafe(1, context)
          if (mode === "flag") continue
          if (mode === "reject" || sanitize === undefined) {
            note({
              action: "content.rejected",
              outcome: "refused",
              actor: author.userId,
              details: { rule: name }
            })
            return Result.fail(new ContentRejected({ rule: name }))
          }
          judged = sanitize(judged)
        }
        return Result.succeed(judged)
      }

    return ContentPolicy.of({
      judge: <W extends Writing>(author: Identity, writing: W) => {
        const { attachments, content, metadata } = writing
        const judge = judgeText(author)
        const text = isOpaque(metadata) ? Result.succeed(content) : judge(content)
        if (Result.isFailure(text)) return Result.fail(text.failure)
        const facts = metadata === undefined ? Result.succeed(undefined) : judgeJson(judge, metadata)
        if (Result.isFailure(facts)) return Result.fail(facts.failure)
        const media =
          attachments === undefined
            ? Result.succeed(undefined)
            : judgeJson(judge, attachments as ReadonlyArray<Metadata>)
        if (Result.isFailure(media)) return Result.fail(media.failure)
        return text.success === content && facts.success === metadata && media.success === attachments
          ? Result.succeed(writing)
          : Result.succeed({
              ...writing,
              content: text.success,
              ...(metadata && { metadata: facts.success }),
              ...(attachments && { attachments: media.success })
            })
      }
    })
  })

export const layer = (options: ContentOptions) => Layer.effect(ContentPolicy, make(options))
