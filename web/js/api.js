/**
 * The REST calls this page makes. Every failure is thrown as a plain refusal `{reason, …}`, the shape channel
 * replies have too, so that the page explains both alike.
 */

const BASE = "/api/v1"
const REQUEST_TIMEOUT_MS = 10_000

/** RFC 9457: the reason is the last segment of the problem's `type`. */
const refusalOf = async (response) => {
  const problem = await response.json().catch(() => ({}))
  const reason = typeof problem.type === "string" ? problem.type.split(/[/#:]/).pop() : undefined
  return { ...problem, reason: reason || `http ${response.status}` }
}

export class Api {
  #session

  constructor(session) {
    this.#session = session
  }

  /** A page of one's conversations, most recently active first. */
  conversations(cursor) {
    return this.#request("GET", `/conversations${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`)
  }

  /** The conversation, made now or, for a pair that already has one, found. */
  createConversation({ type, memberIds, metadata }) {
    return this.#request("POST", "/conversations", { type, member_ids: memberIds, metadata })
  }

  async memberIds(conversationId) {
    const { items } = await this.#request("GET", `/conversations/${conversationId}/members`)
    return items.map((member) => member.user_id)
  }

  async #request(method, path, body, retried = false) {
    const response = await fetch(BASE + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#session.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    }).catch((cause) => {
      throw { reason: cause.name === "TimeoutError" ? "timeout" : "unreachable" }
    })
    if (response.status === 401 && !retried) {
      await this.#session.renew()
      return this.#request(method, path, body, true)
    }
    if (!response.ok) throw await refusalOf(response)
    return response.json()
  }
}
