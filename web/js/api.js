/**
 * The REST calls this page makes. Every failure is thrown as a plain refusal `{reason, …}`, the shape channel
 * replies have too, so that the page explains both alike.
 */

const BASE = "/api/v1"
const REQUEST_TIMEOUT_MS = 10_000
const MAX_PAGE = 200

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

  /** The first members of a conversation, as `{id, role}`. */
  async members(conversationId) {
    const { items } = await this.#request("GET", `/conversations/${conversationId}/members?limit=${MAX_PAGE}`)
    return items.map((member) => ({ id: member.user_id, role: member.role }))
  }

  addMember(conversationId, userId) {
    return this.#request("POST", `/conversations/${conversationId}/members`, { user_ids: [userId] })
  }

  changeRole(conversationId, userId, role) {
    return this.#request("PATCH", `/conversations/${conversationId}/members/${userId}`, { role })
  }

  removeMember(conversationId, userId) {
    return this.#request("DELETE", `/conversations/${conversationId}/members/${userId}`)
  }

  leave(conversationId) {
    return this.#request("POST", `/conversations/${conversationId}/leave`)
  }

  updateSettings(conversationId, settings) {
    return this.#request("PATCH", `/conversations/${conversationId}/settings`, settings)
  }

  /** Mute, pin or archive for oneself. */
  updateMySettings(conversationId, settings) {
    return this.#request("PATCH", `/conversations/${conversationId}/settings/me`, settings)
  }

  message(conversationId, messageId) {
    return this.#request("GET", `/conversations/${conversationId}/messages/${messageId}`)
  }

  messageStatus(conversationId, messageId) {
    return this.#request("GET", `/conversations/${conversationId}/messages/${messageId}/status`)
  }

  async pinnedMessages(conversationId) {
    const { items } = await this.#request("GET", `/conversations/${conversationId}/pinned-messages`)
    return items.map((pin) => pin.message)
  }

  search(conversationId, words) {
    const query = new URLSearchParams({ q: words })
    return this.#request("GET", `/conversations/${conversationId}/messages/search?${query}`)
  }

  preferences() {
    return this.#request("GET", "/me/preferences")
  }

  updatePreferences(changes) {
    return this.#request("PATCH", "/me/preferences", changes)
  }

  drafts() {
    return this.#request("GET", "/drafts")
  }

  saveDraft(conversationId, content) {
    return this.#request("PUT", `/conversations/${conversationId}/draft`, { content })
  }

  removeDraft(conversationId) {
    return this.#request("DELETE", `/conversations/${conversationId}/draft`)
  }

  async #request(method, path, body, retried = false) {
    const token = await this.#session.credential()
    const response = await fetch(BASE + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
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
    return response.status === 204 ? undefined : response.json()
  }
}
