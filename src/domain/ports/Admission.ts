/**
 * What must be passed before anything is done for anybody, whichever edge it came in by: size and content of what they
 * write, the limits of what they may do (`Limits`), and the blocks that follow suspicious behaviour.
 *
 * Answers are there at once wherever this node knows them: a message that is admitted costs no fiber and no waiting.
 * The address is the client's, as `ClientAddress.limitKey` names it.
 */
import { Context } from "effect"
import type { ContentRejected, MessageTooLarge, RateLimited, Unavailable, UserBlocked } from "../Errors.ts"
import type { Identity } from "../Identity.ts"
import type { ConversationId, UserId } from "../Ids.ts"
import type { Action, Rate, Rule } from "../Limits.ts"
import type { Metadata } from "../Message.ts"
import type { Admitted, Standing } from "./RateLimiter.ts"

export type AdmissionRefusal = MessageTooLarge | RateLimited | UserBlocked | ContentRejected | Unavailable

/** What a person writes: a message, the edit of one, what they call a conversation or say of a medium. */
export interface Writing {
  readonly content: string
  readonly metadata?: Metadata
  readonly attachments?: ReadonlyArray<{ readonly metadata?: Metadata }>
}

export class Admission extends Context.Service<
  Admission,
  {
    /** Answers the message to store, which a sanitising rule may have changed. */
    readonly message: <M extends Writing>(
      sender: Identity,
      conversationId: ConversationId,
      message: M
    ) => Admitted<M, AdmissionRefusal>
    /** Anything else that is limited per user. */
    readonly act: (who: Identity, action: Action, units?: number) => Admitted<void, RateLimited | UserBlocked>
    /** Signing out a device of one's own: who is blocked may still do that, or a thief could keep them from it. */
    readonly signOut: (who: Identity) => Admitted<void, RateLimited>
    /** It was for nothing: nothing was done. */
    readonly undo: (who: Identity, action: Action, units?: number) => void
    /** Joining a conversation; resuming one that was joined before is nothing suspicious. */
    readonly join: (who: Identity, isResuming: boolean) => Admitted<void, UserBlocked>
    /** A client has come, and shows a token or a ticket; before that is looked at. */
    readonly arrival: (address: string) => Admitted<void, RateLimited | UserBlocked>
    /** What was shown at this address was refused, as nothing that was ever good is. */
    readonly distrust: (address: string) => void
    /** A connection of somebody who showed a good token. */
    readonly connection: (who: Identity, address: string) => Admitted<void, RateLimited | UserBlocked>
    /** Blocks a user by a rule that somebody else saw broken; `blocked` is told the refusal. */
    readonly suspect: (userId: UserId, rule: Rule, blocked: (refusal: UserBlocked) => void) => void
    /** What somebody has left of an action; `undefined` where it is not limited. */
    readonly standing: (
      who: Pick<Identity, "userId" | "trust">,
      action: Action
    ) => (Standing & Rate) | undefined
  }
>()("messaging-service/domain/ports/Admission") {}
