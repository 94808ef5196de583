/**
 * What one person has begun to write, by conversation: here at once, at the service after a pause, and from there on
 * their other devices and after a reload. What is being written here wins over what comes from elsewhere.
 */
const SAVE_AFTER_MS = 500

export class Drafts {
  #api
  #changed
  #drafts = new Map()

  constructor(api, changed) {
    this.#api = api
    this.#changed = changed
  }

  textOf(conversationId) {
    return this.#drafts.get(conversationId)?.text ?? ""
  }

  write(conversationId, text) {
    const draft = this.#draft(conversationId)
    if (draft.text === text) return
    draft.text = text
    draft.isUnsaved = true
    // Thrown away at once: a message that was sent shall not come back as a draft.
    this.#saveSoon(conversationId, text === "" ? 0 : SAVE_AFTER_MS)
  }

  /** From another device: `draft` as the service has it, or null. */
  receive(conversationId, draft) {
    const mine = this.#draft(conversationId)
    if (mine.isUnsaved || mine.saving !== undefined || draft?.updated_at < mine.updatedAt) return
    mine.text = draft?.content ?? ""
    mine.updatedAt = draft?.updated_at ?? mine.updatedAt
    this.#changed()
  }

  /** After every (re)connection: learns what other devices wrote, and saves what could not be saved. */
  async refresh() {
    for (const [id, draft] of this.#drafts) if (draft.isUnsaved) this.#saveSoon(id, 0)
    const page = await this.#api.drafts().catch(() => undefined)
    if (page === undefined) return
    const stored = new Map(page.items.map((draft) => [draft.conversation_id, draft]))
    for (const id of new Set([...stored.keys(), ...this.#drafts.keys()]))
      if (stored.has(id) || page.next_cursor === null) this.receive(id, stored.get(id) ?? null)
  }

  #draft(conversationId) {
    if (!this.#drafts.has(conversationId))
      this.#drafts.set(conversationId, { text: "", isUnsaved: false, updatedAt: "" })
    return this.#drafts.get(conversationId)
  }

  #saveSoon(conversationId, wait) {
    const draft = this.#draft(conversationId)
    clearTimeout(draft.timer)
    draft.timer = setTimeout(() => {
      // One at a time, so that an earlier text never overtakes a later one.
      draft.saving ??= this.#save(conversationId, draft).finally(() => {
        draft.saving = undefined
      })
    }, wait)
  }

  async #save(conversationId, draft) {
    while (draft.isUnsaved) {
      draft.isUnsaved = false
      try {
        if (draft.text === "") await this.#api.removeDraft(conversationId)
        else draft.updatedAt = (await this.#api.saveDraft(conversationId, draft.text)).updated_at
      } catch {
        // Kept here, and saved with the next change or the next connection.
        draft.isUnsaved = true
        return
      }
    }
  }
}
