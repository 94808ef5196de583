/** Admission with a look at the content, once everything cheaper has let it pass. */
import { Effect, Layer } from "effect"
import { Admission } from "../../domain/ports/Admission.ts"
import { ContentPolicy } from "../../domain/ports/ContentPolicy.ts"

/** Needs the Admission that it stands behind. */
export const layer = Layer.effect(
  Admission,
  Effect.gen(function* () {
    const inner = yield* Admission
    const policy = yield* ContentPolicy
    return Admission.of({
      ...inner,
      message: (sender, conversationId, message) =>
        Effect.flatMap(inner.message(sender, conversationId, message), (admitted) =>
          Effect.fromResult(policy.judge(sender, admitted))
        )
    })
  })
)
