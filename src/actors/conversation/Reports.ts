/**
 * The application service for reports to those who run the service. Only what one can see can be reported: anything
 * else is answered as if it were not there. Each one counts against the limit, found or not, so that nothing can be
 * found out by trying.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { uuidV7Unsafe } from "effect/crypto/SecureRandom"
import { InvalidInput, NotFound, type Overloaded, type Unavailable } from "../../domain/Errors.ts"
import type { Identity } from "../../domain/Identity.ts"
import { Admission } from "../../domain/ports/Admission.ts"
import { AuditLog } from "../../domain/ports/AuditLog.ts"
import { MessageStore } from "../../domain/ports/MessageStore.ts"
import { wait } from "../../domain/ports/RateLimiter.ts"
import { ReportStore } from "../../domain/ports/ReportStore.ts"
import type { FiledReport, NewReport, Report, ReportTarget } from "../../domain/Report.ts"
import { Conversations, type Limited } from "./Conversations.ts"

export class Reports extends Context.Service<
  Reports,
  {
    /** Under an `id` that the caller decides where they may have to try again, it is filed once. */
    readonly file: (
      caller: Identity,
      report: NewReport,
      id?: string
    ) => Effect.Effect<Report, InvalidInput | NotFound | Limited | Overloaded | Unavailable>
  }
>()("messaging-service/actors/conversation/Reports") {}

type Place = Pick<FiledReport, "conversation_id" | "user_id" | "version_seq">

const oneself = new InvalidInput({ issues: [{ path: "target.id", message: "Expected somebody else" }] })

export const layer = Layer.effect(
  Reports,
  Effect.gen(function* () {
    const store = yield* ReportStore
    const messages = yield* MessageStore
    const conversations = yield* Conversations
    const admission = yield* Admission
    const audit = yield* AuditLog

    /** Where the target is and whose doing it is, as far as the caller can see it. */
    const placeOf = Effect.fnUntraced(function* (caller: Identity, target: ReportTarget) {
      const nowhere = new NotFound({ what: target.type })
      switch (target.type) {
        case "message": {
          const conversationId = (yield* messages.get(target.id))?.conversation_id
          if (conversationId === undefined) return yield* nowhere
          const seen = yield* conversations.message(caller, conversationId, target.id)
          return {
            conversation_id: conversationId,
            user_id: seen.sender_id,
            version_seq: seen.version_seq
          } satisfies Place
        }
        case "conversation":
          yield* conversations.show(caller, target.id)
          return { conversation_id: target.id, user_id: null, version_seq: null } satisfies Place
        case "user":
          if (target.id === caller.userId) return yield* oneself
          if (!(yield* store.hasMet(caller.userId, target.id))) return yield* nowhere
          return { conversation_id: null, user_id: target.id, version_seq: null } satisfies Place
      }
    })

    return Reports.of({
      file: Effect.fn("Reports.file")(function* (caller, { comment = null, reason, target }, decidedId) {
        yield* wait(admission.act(caller, "report"))
        const place = yield* placeOf(caller, target).pipe(
          Effect.catchTag("NotMember", () => Effect.fail(new NotFound({ what: target.type })))
        )
        const filed = yield* store.file({
          id: decidedId ?? uuidV7Unsafe(),
          reporter_id: caller.userId,
          target,
          ...place,
          reason,
          comment,
          created_at: new Date(yield* Clock.currentTimeMillis).toISOString()
        })
        const reported =
          place.user_id === null || target.type === "user"
            ? []
            : [{ type: "user" as const, id: place.user_id }]
        audit.note({
          action: "user.reported",
          outcome: "done",
          actor: caller.userId,
          targets: [target, ...reported],
          details: { reason, report: filed.id }
        })
        const { conversation_id: _, reporter_id: __, user_id: ___, version_seq: ____, ...report } = filed
        return report
      })
    })
  })
)
