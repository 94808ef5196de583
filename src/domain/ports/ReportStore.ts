/** Reports, as they were filed. */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Unavailable } from "../Errors.ts"
import type { UserId } from "../Ids.ts"
import type { FiledReport } from "../Report.ts"

export class ReportStore extends Context.Service<
  ReportStore,
  {
    /** Under an id that the same reporter has filed before, it answers what was filed. */
    readonly file: (report: FiledReport) => Effect.Effect<FiledReport, Unavailable>
    /** Whether somebody is in a conversation of this user's, or was in one that the user is still in. */
    readonly hasMet: (userId: UserId, other: UserId) => Effect.Effect<boolean, Unavailable>
    /** The latest first, those before `before`; with a user, what was reported of them. */
    readonly list: (options: {
      readonly before: string | undefined
      readonly of: UserId | undefined
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<FiledReport>, Unavailable>
  }
>()("messaging-service/domain/ports/ReportStore") {}
