/** Refs of sends, unique in this process: they are the idempotency keys (`client_random`) as well. */
import { FIRST_REF } from "./Session.ts"

let next = FIRST_REF

export const takeRef = (): number => next++
