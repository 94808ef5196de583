/**
 * What the service answers when it says no, turned into something a person can read. The reasons are those of
 * the service's one error table, the same in channel replies (`reason`) and over HTTP (the end of `type`).
 */

const seconds = (ms) => {
  const count = Math.max(1, Math.ceil(ms / 1000))
  return count < 90 ? `${count} s` : `${Math.ceil(count / 60)} min`
}

const sentences = {
  rate_limited: (refusal) =>
    `That was faster than the limit allows.${refusal.retry_after_ms ? ` Try again in ${seconds(refusal.retry_after_ms)}.` : ""}`,
  not_member: () => "You are not a member of this conversation.",
  forbidden: () => "Your role does not allow this.",
  blocked: () => "You are blocked for a while.",
  not_found: () => "This does not exist any more.",
  invalid: (refusal) => {
    const issue = refusal.issues?.[0]
    return issue
      ? `Not valid: ${issue.path ? `${issue.path}: ` : ""}${issue.message}`
      : "The service found this not valid."
  },
  content_rejected: () => "The content policy does not let this message through.",
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
