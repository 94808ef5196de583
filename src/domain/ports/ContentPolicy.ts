/**
 * What may be said: the rules for the text of messages and of metadata. A rule that finds something refuses the text,
 * repairs it, or only counts it. Encrypted and binary content is not looked into.
 */
import type { Result } from "effect"
import { Context } from "effect"
import type { ContentRejected } from "../Errors.ts"
import type { Identity } from "../Identity.ts"
import type { Writing } from "./Admission.ts"

export class ContentPolicy extends Context.Service<
  ContentPolicy,
  {
    /** The text to store. Synchronous, for it stands on the path of every send. */
    readonly judge: <W extends Writing>(author: Identity, writing: W) => Result.Result<W, ContentRejected>
  }
>()("messaging-service/domain/ports/ContentPolicy") {}
