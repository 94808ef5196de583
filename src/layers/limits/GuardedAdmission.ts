/**
 * Admission by size, by limits and by suspicion. Counting is the `RateLimiter`'s business and blocking the `Blocks`';
 * here is which of them is asked about what, and that a broken rule is a block, on record.
 */
import { Effect, FiberSet, Layer, Metric, Result } from "effect"
import { type ContentRejected, MessageTooLarge, RateLimited, UserBlocked } from "../../domain/Errors.ts"
import type { Identity, TrustLevel } from "../../domain/Identity.ts"
import {
  type Action,
  actions,
  addressActions,
  type Limits,
  type Rate,
  type Rule,
  rules,
  scaled
} from "../../domain/Limits.ts"
import { Admission, type AdmissionRefusal, type Writing } from "../../domain/ports/Admission.ts"
import { type AuditEvent, AuditLog } from "../../domain/ports/AuditLog.ts"
import { type Block, Blocks, ofAddress, ofUser, type Subject } from "../../domain/ports/Blocks.ts"
import { ContentPolicy } from "../../domain/ports/ContentPolicy.ts"
import { type Admitted, andThen, type Budget, RateLimiter, wait } from "../../domain/ports/RateLimiter.ts"

const refusals = Metric.counter("limits_reached_total", {
  description: "What was refused because a limit was reached, by scope",
  incremental: true
})
const strikes = Metric.counter("blocks_made_total", {
  description: "Users and addresses blocked by this node, by rule",
  incremental: true
})

export interface AdmissionOptions {
  /** UTF-8 bytes. */
  readonly maxMessageBytes: number
  readonly limits: Limits
}

/** A string of n characters has n to 3n bytes: most are judged without counting. */
const exceeds = (text: string, bytes: number): boolean =>
  text.length * 3 > bytes && Buffer.byteLength(text) > bytes

/** Metadata is small by nature: what is large belongs into the content, or behind a media id. */
const MAX_METADATA_BYTES = 64 * 1024

const yes = Result.succeed<void>(undefined)

const sizeOf = ({ content, metadata }: Writing, maxBytes: number): Result.Result<void, MessageTooLarge> => {
  if (exceeds(content, maxBytes)) return Result.fail(new MessageTooLarge({ limit: maxBytes }))
  if (metadata !== undefined && exceeds(JSON.stringify(metadata), MAX_METADATA_BYTES)) {
    return Result.fail(new MessageTooLarge({ limit: MAX_METADATA_BYTES }))
  }
  return yes
}

type Budgets<K extends string> = Readonly<Record<K, Budget | undefined>>

const onRecord = ({ level, rule, subject, until }: Block): AuditEvent => {
  const [type, id] = subject.startsWith("user:")
    ? (["user", subject.slice("user:".length)] as const)
    : (["address", subject.slice("address:".length)] as const)
  return {
    action: "user.blocked",
    targets: [{ type, id }],
    outcome: "done",
    details: { rule, level, until: new Date(until).toISOString() }
  }
}

export const layer = ({ limits, maxMessageBytes }: AdmissionOptions) =>
  Layer.effect(
    Admission,
    Effect.gen(function* () {
      const limiter = yield* RateLimiter
      const blocks = yield* Blocks
      const audit = yield* AuditLog
      const policy = yield* ContentPolicy
      const run = yield* FiberSet.makeRuntime<never>()

      const budgets = <K extends string>(
        names: ReadonlyArray<K>,
        prefix: string,
        rates: Readonly<Record<K, Rate | undefined>>,
        factor = 1
      ): Budgets<K> => {
        const table: Partial<Record<K, Budget | undefined>> = {}
        for (const name of names) {
          const rate = rates[name]
          table[name] = rate && limiter.budget({ scope: `${prefix}${name}`, ...scaled(rate, factor) })
        }
        return table as Budgets<K>
      }

      const forTrust = (trust: TrustLevel) => budgets(actions, "", limits.user, limits.trust[trust])
      const perUser: Readonly<Record<TrustLevel, Budgets<Action>>> = {
        suspect: forTrust("suspect"),
        normal: forTrust("normal"),
        verified: forTrust("verified"),
        premium: forTrust("premium")
      }
      const perAddress = budgets(addressActions, "address_", limits.address)
      const suspicions = budgets(rules, "suspicion_", limits.suspicion)

      // After a block its subject starts from nothing: only what is done then leads to the next one.
      blocks.onChange((subject) => {
        for (const rule of rules) suspicions[rule]?.clear(subject)
      })

      const strike = (subject: Subject, rule: Rule): Effect.Effect<UserBlocked> =>
        Effect.gen(function* () {
          const block = yield* blocks.strike(subject, rule)
          audit.note(onRecord(block))
          yield* Metric.update(Metric.withAttributes(strikes, { rule }), 1)
          return new UserBlocked({ until: block.until })
        })

      /** Counts for a rule; past it, the block. */
      const watch = (rule: Rule, subject: Subject): Admitted<void, UserBlocked> => {
        const budget = suspicions[rule]
        if (budget === undefined) return yes
        const counted = budget.take(subject)
        if (Result.isResult(counted) && Result.isSuccess(counted)) return yes
        return Effect.catch(wait(counted), () => Effect.flatMap(strike(subject, rule), Effect.fail))
      }

      const counted = (refusal: RateLimited): Effect.Effect<never, RateLimited> =>
        Effect.andThen(
          Metric.update(Metric.withAttributes(refusals, { scope: refusal.scope }), 1),
          Effect.fail(refusal)
        )

      const take = (budget: Budget | undefined, key: string, units?: number): Admitted<void, RateLimited> => {
        if (budget === undefined) return yes
        const taken = budget.take(key, units)
        return Result.isResult(taken) && Result.isSuccess(taken) ? taken : Effect.catch(wait(taken), counted)
      }

      const act = (who: Identity, action: Action, units?: number) =>
        andThen(blocks.check(ofUser(who.userId)), () => take(perUser[who.trust][action], who.userId, units))

      /** Who keeps trying what the content policy refuses is looking for its gaps. */
      const judge = <W extends Writing>(
        author: Identity,
        writing: W
      ): Admitted<W, ContentRejected | UserBlocked> => {
        const judged = policy.judge(author, writing)
        if (Result.isSuccess(judged)) return judged
        return andThen(watch("rejected_content", ofUser(author.userId)), () => judged)
      }

      return Admission.of({
        act,
        message: <M extends Writing>(
          sender: Identity,
          _conversationId: unknown,
          message: M
        ): Admitted<M, AdmissionRefusal> => {
          const { trust, userId } = sender
          const size = sizeOf(message, maxMessageBytes)
          if (Result.isFailure(size)) return Result.fail(size.failure)
          const subject = ofUser(userId)
          return andThen(
            andThen(
              andThen(blocks.check(subject), () => watch("messages", subject)),
              () => take(perUser[trust].message, userId)
            ),
            () => judge(sender, message)
          )
        },
        signOut: ({ trust, userId }) => take(perUser[trust].sign_out, userId),
        undo: (who, action, units) => perUser[who.trust][action]?.giveBack(who.userId, units),
        join: ({ userId }, isResuming) => {
          const subject = ofUser(userId)
          return andThen(blocks.check(subject), () => (isResuming ? yes : watch("joins", subject)))
        },
        arrival: (address) =>
          andThen(blocks.check(ofAddress(address)), () => {
            const budget = perAddress.auth_attempts
            if (budget === undefined) return yes
            const { remaining, resetMs } = budget.standing(address)
            if (remaining > 0) return yes
            const { max, scope, windowMs } = budget.limit
            return counted(new RateLimited({ scope, limit: max, windowMs, retryAfterMs: resetMs }))
          }),
        distrust: (address) => {
          const counted = wait(take(perAddress.auth_attempts, address))
          const watched = Effect.suspend(() => wait(watch("bad_tokens", ofAddress(address))))
          run(Effect.andThen(Effect.ignore(counted), Effect.ignore(watched)))
        },
        connection: (who, address) => {
          const subject = ofUser(who.userId)
          return andThen(
            andThen(
              andThen(blocks.check(subject), () => watch("connections", subject)),
              () => take(perAddress.connection, address)
            ),
            () => take(perUser[who.trust].connection, who.userId)
          )
        },
        suspect: (userId, rule, blocked) => void run(Effect.map(strike(ofUser(userId), rule), blocked)),
        standing: ({ trust, userId }, action) => {
          const budget = perUser[trust][action]
          return budget && { ...budget.limit, ...budget.standing(userId) }
        }
      })
    })
  )
