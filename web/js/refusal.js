/**
 * What the service answers when it says no, turned into something a person can read. The reasons are those of
 * the service's one error table, the same in channel replies (`reason`) and over HTTP (the end of `type`).
 */

import { timeOfDay } from "./time.js"

/** "4 s", "3 min" */
export const duration = (ms) => {
  const count = Math.max(1, Math.ceil(ms / 1000))
  return count < 90 ? `${count} s` : `${Math.ceil(count / 60)} min`
}

/** Milliseconds until the service would think again; 0 where waiting changes nothing. */
export const waitOf = (refusal) => {
  if (refusal.reason === "rate_limited") return Math.max(0, refusal.retry_after_ms ?? 0)
  if (refusal.reason === "blocked") return Math.max(0, Date.parse(refusal.until) - Date.now() || 0)
  return 0
}

/** What is said above the composer while nothing can be sent. */
export const explainHold = ({ refusal, until }) => {
  if (refusal.reason === "blocked") return `You are blocked until ${timeOfDay(until)}.`
  const why = refusal.scope === "slow_mode" ? "Slow mode" : "Too many messages"
  return `${why}: you can send again in ${duration(until - Date.now())}.`
}

const sentences = {
  rate_limited: (refusal) =>
    `That was faster than the limit allows.${refusal.retry_after_ms ? ` Try again in ${duration(refusal.retry_after_ms)}.` : ""}`,
  not_member: () => "You are not a member of this conversation.",
  forbidden: (refusal) =>
    refusal.rule?.startsWith("setting:")
      ? "The settings of this conversation do not allow this."
      : "You may not do this here.",
  blocked: (refusal) =>
    refusal.until
      ? `You are blocked until ${timeOfDay(Date.parse(refusal.until))}.`
      : "You are blocked for a while.",
  not_found: () => "This does not exist any more.",
  invalid: (refusal) => {
    const issue = refusal.issues?.[0]
    return issue
      ? `Not valid: ${issue.path ? `${issue.path}: ` : ""}${issue.message}`
      : "The service found this not valid."
  },
  content_rejected: (refusal) =>
    refusal.rule === "blocked_words"
      ? "This message has a word in it that is not allowed here."
      : "The content policy does not let this message through.",
  message_too_large: () => "This message is too large.",
  conflict: () => "Someone else was faster. Reload and try again.",
  overloaded: () => "The service is very busy at this moment.",
  unavailable: () => "The service cannot reach its storage at this moment.",
  timeout: () => "The service did not answer in time.",
  unreachable: () => "The service cannot be reached.",
  no_dev_tokens: () => "This page needs the development token issuer, which this server has switched off."
}

/** One sentence for a refusal `{reason, …}`. */
export const explain = (refusal) => {
  const reason = refusal?.reason ?? "unknown"
  if (reason.startsWith("token_")) return "Your token was not accepted."
  return sentences[reason]?.(refusal) ?? `The service refused this (${reason}).`
}

const passing = new Set(["overloaded", "unavailable", "timeout"])

/** Whether the same request may well succeed a moment later, with nobody changing anything. */
export const isPassing = (refusal) => passing.has(refusal.reason)
