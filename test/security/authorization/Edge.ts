/**
 * What an edge offers, for the test of who may do what: each of its calls that concerns one conversation, by the action
 * of the policy that it stands for. A new edge is one more list of these.
 */
import type { Effect, Scope } from "effect"
import { type Action, forbids } from "../../../src/domain/Policy.ts"
import type { Actor, Place } from "./Places.ts"

/** `ok`, or the reason of the refusal, with the rule where there is one: `forbidden role:update`. */
export type Outcome = string

export interface Call {
  /** What the edge's own contract calls it. */
  readonly name: string
  /** `own`: it touches nothing but what is the caller's own, whatever conversation it names. */
  readonly action: Action | "own"
  /** What must be allowed as well, and is asked first. */
  readonly after?: Action
  /** Who is blocked may not do it: judged before all else, once they are known to be a member, or where it is allowed. */
  readonly limited?: "at once" | "as a member" | "if allowed"
  /** In a direct conversation it is so already. */
  readonly isSoInDirect?: true
  /** There is no such thing in a direct conversation: its members are answered so. */
  readonly groupsOnly?: true
  /** How the refusal of a role reads, where that is not the policy's rule. */
  readonly refusal?: Outcome
  /** What succeeds changes what others would be answered: each of these has a place of its own. */
  readonly isSpending?: true
  readonly perform: (actor: Actor, place: Place) => Effect.Effect<Outcome, unknown, Scope.Scope>
}

export interface Edge {
  readonly name: string
  readonly calls: ReadonlyArray<Call>
  /** The names of all calls of its contract that concern one conversation: each must be in `calls`. */
  readonly contract: ReadonlyArray<string>
  /** Services act there, by their own authority, and users have no business. Elsewhere a service is no member. */
  readonly isForServices: boolean
  /** Whether refusals name their rule. */
  readonly tellsRules: boolean
}

/** What the policy says of it, in words of the wire. */
export const expected = (edge: Edge, call: Call, actor: Actor, place: Place): Outcome => {
  if (actor.name === "nobody") return "token_missing"
  const isPeer = actor.name === "service" && edge.isForServices
  if (edge.isForServices && !isPeer) return "forbidden"
  if (call.action === "own") return "ok"
  const isBlocked = actor.name === "blocked"
  if (isBlocked && call.limited === "at once") return "blocked"
  const role = isPeer ? "owner" : place.roles[actor.name]
  // A service, other than a member, may know that there is no such conversation.
  if (place.isDeleted || role === undefined) return isPeer ? "not_found" : "not_member"
  if (call.groupsOnly && place.type === "direct") return "not_found"
  // What a service may do depends on no role, but what nobody may, it may not either.
  const settings = isPeer ? { ...place.settings, ...everyone } : place.settings
  if (isBlocked && call.limited === "as a member") return "blocked"
  if (call.isSoInDirect && place.type === "direct") return "ok"
  const first = call.after && forbids(role, call.after, place.type, settings)
  const rule = first ?? forbids(role, call.action, place.type, settings)
  if (rule === undefined) return isBlocked && call.limited === "if allowed" ? "blocked" : "ok"
  return call.refusal ?? (edge.tellsRules ? `forbidden ${rule}` : "forbidden")
}

const everyone = {
  who_may_post: "everyone",
  who_may_add_members: "everyone",
  who_may_pin: "everyone"
} as const
