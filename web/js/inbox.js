/**
 * One person's conversations, most recently active first, kept fresh over the `user:{id}` channel: previews and
 * unread counts of conversations that are not open, new conversations, and which devices of this person are on.
 */
import { Presence } from "/assets/vendor/phoenix.mjs"

const REFRESH_AFTER_MS = 60

/** What else changes the list; each of them simply fetches it again. */
const LIST_EVENTS = ["conversation_created", "conversation_updated", "member_added", "member_removed"]

export class Inbox {
  #api
  #self
  #changed
  #appeared
  #entries = new Map()
  #previews = new Map()
  #members = new Map()
  #refreshTimer
  #loaded = false
  #cursor = null

  /** `appeared(id, {isFirstLoad})` is called with the newest of the conversations that a load brings anew. */
  constructor(self, api, { changed, appeared }) {
    this.#self = self
    this.#api = api
    this.#changed = changed
    this.#appeared = appeared
    this.refusal = undefined
    this.deviceCount = 0
  }

  get isLoaded() {
    return this.#loaded
  }

  get hasMore() {
    return this.#cursor !== null
  }

  /** `{id, type, name, memberIds, unread, preview, activeAt}`, newest activity first. */
  get entries() {
    return [...this.#entries.values()]
      .map((entry) => ({
        ...entry,
        ...this.#previews.get(entry.id),
        memberIds: this.#members.get(entry.id) ?? []
      }))
      .sort((a, b) => b.activeAt - a.activeAt)
  }

  entry(id) {
    return this.entries.find((entry) => entry.id === id)
  }

  /** Joins `user:{id}`; answers the channel, for what others want to say and hear over it. */
  open(socket) {
    const channel = socket.channel(`user:${this.#self}`, {})
    channel.on("new_message", (preview) => this.#arrived(preview))
    for (const event of LIST_EVENTS) channel.on(event, () => this.#refreshSoon())
    const presence = new Presence(channel)
    presence.onSync(() => {
      const own = presence.list((userId, { metas }) => (userId === this.#self ? metas.length : 0))
      this.deviceCount = Math.max(0, ...own)
      this.#changed()
    })
    // Joined anew after every reconnect: what happened in between is in the list.
    channel.join().receive("ok", () => this.#refreshSoon())
    return channel
  }

  async loadMore() {
    await this.#load(this.#cursor)
  }

  /** Takes in a conversation this person has just made. */
  add(conversation, memberIds) {
    this.#members.set(conversation.id, memberIds)
    this.#entries.set(conversation.id, entryOf({ ...conversation, unread_count: 0 }))
    this.#changed()
  }

  /** What the open room knows better: its newest message, and what is unread in it. */
  follow(room) {
    const newest = room.timeline.messages.at(-1)
    if (newest === undefined) return
    this.#preview(room.id, newest)
    const entry = this.#entries.get(room.id)
    if (entry !== undefined) entry.unread = room.unreadCount
  }

  #arrived(preview) {
    const entry = this.#entries.get(preview.conversation_id)
    if (entry === undefined) return this.#refreshSoon()
    this.#preview(entry.id, preview)
    if (preview.sender_id !== this.#self) entry.unread += 1
    this.#changed()
  }

  #preview(id, message) {
    this.#previews.set(id, { preview: message, activeAt: Date.parse(message.sent_at) })
  }

  #refreshSoon() {
    this.#refreshTimer ??= setTimeout(() => {
      this.#refreshTimer = undefined
      this.#load(undefined)
    }, REFRESH_AFTER_MS)
  }

  async #load(cursor) {
    try {
      const page = await this.#api.conversations(cursor)
      this.#cursor = page.next_cursor
      await Promise.all(page.items.map((item) => this.#learnMembers(item)))
      this.refusal = undefined
      this.#take(page.items)
    } catch (refusal) {
      this.refusal = refusal
    }
    this.#changed()
  }

  #take(items) {
    const isFirstLoad = !this.#loaded
    this.#loaded = true
    const newest = items.find((item) => !this.#entries.has(item.id))
    for (const item of items) this.#entries.set(item.id, entryOf(item))
    if (newest !== undefined) this.#appeared(newest.id, { isFirstLoad })
  }

  /** Names of direct conversations are names of people, so the members are needed once. */
  async #learnMembers(conversation) {
    if (this.#members.get(conversation.id)?.length === conversation.member_count) return
    this.#members.set(conversation.id, await this.#api.memberIds(conversation.id))
  }
}

const entryOf = (conversation) => ({
  id: conversation.id,
  type: conversation.type,
  name: conversation.metadata.name,
  unread: conversation.unread_count,
  preview: undefined,
  activeAt: Date.parse(conversation.updated_at)
})
