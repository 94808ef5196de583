/**
 * One person's conversations, pinned ones first, then the most recently active, kept fresh over the `user:{id}` channel:
 * previews and unread counts of conversations that are not open, what was missed while away, new conversations, members
 * and settings, and which devices of this person are on.
 */
import { Presence } from "/assets/vendor/phoenix.mjs"
import { mentionsIn } from "./mentions.js"
import { Missed } from "./missed.js"

const REFRESH_AFTER_MS = 60

/** What changes the list without changing who is in it; it is simply fetched again. */
const LIST_EVENTS = ["conversation_created", "conversation_updated"]
const MEMBER_EVENTS = ["member_added", "members_added", "member_updated", "member_removed"]

const NOTHING_SET = { muted: false, pinned: false, archived: false }

export class Inbox {
  #api
  #self
  #changed
  #appeared
  #vanished
  #stale = new Set()
  #entries = new Map()
  #previews = new Map()
  #members = new Map()
  #refreshTimer
  #loaded = false
  #cursor = null

  /**
   * `device` names where this device's position is kept. `appeared(id, {isFirstLoad})` is called with the newest of the
   * conversations that a load brings anew, `vanished(id)` with one that is no longer this person's.
   */
  constructor(self, device, api, { changed, appeared, vanished }) {
    this.#self = self
    this.#api = api
    this.#changed = changed
    this.#appeared = appeared
    this.#vanished = vanished
    this.missed = new Missed(self, device, changed)
    this.refusal = undefined
    this.deviceCount = 0
  }

  get isLoaded() {
    return this.#loaded
  }

  get hasMore() {
    return this.#cursor !== null
  }

  /**
   * `{id, type, name, role, settings, mine, members, memberIds, unread, unreadMentions, preview, activeAt}`; `mine` is
   * what this person has set for themselves: muted, pinned, archived.
   */
  get entries() {
    return [...this.#entries.values()]
      .map((entry) => {
        const members = this.#members.get(entry.id) ?? []
        return {
          ...entry,
          ...this.#previews.get(entry.id),
          members,
          memberIds: members.map((member) => member.id)
        }
      })
      .sort((a, b) => Number(b.mine.pinned) - Number(a.mine.pinned) || b.activeAt - a.activeAt)
  }

  entry(id) {
    return this.entries.find((entry) => entry.id === id)
  }

  /** Joins `user:{id}`; answers the channel, for what others want to say and hear over it. `joined()` after each join. */
  open(socket, joined) {
    const channel = socket.channel(`user:${this.#self}`, () => this.missed.joinParams())
    this.missed.listen(channel)
    channel.on("new_message", (preview) => this.#arrived(preview))
    for (const event of LIST_EVENTS) channel.on(event, () => this.#refreshSoon())
    for (const event of MEMBER_EVENTS)
      channel.on(event, (told) => {
        if (event === "member_removed" && told.user_id === this.#self) this.drop(told.conversation_id)
        else this.membersChanged(told.conversation_id)
      })
    for (const event of ["conversation_deleted", "conversation_cleared"])
      channel.on(event, (told) => this.drop(told.conversation_id))
    const presence = new Presence(channel)
    presence.onSync(() => {
      const own = presence.list((userId, { metas }) => (userId === this.#self ? metas.length : 0))
      this.deviceCount = Math.max(0, ...own)
      this.#changed()
    })
    // Joined anew after every reconnect: what happened in between is in the list.
    channel.join().receive("ok", () => {
      this.#refreshSoon()
      joined()
    })
    return channel
  }

  async loadMore() {
    await this.#load(this.#cursor)
  }

  /** Takes in a conversation this person has just made. */
  add(conversation, memberIds) {
    const members = memberIds.map((id) => ({ id, role: id === this.#self ? "owner" : "member" }))
    this.#members.set(conversation.id, members)
    this.#entries.set(
      conversation.id,
      entryOf({
        role: "owner",
        unread_count: 0,
        unread_mentions: 0,
        my_settings: NOTHING_SET,
        ...conversation
      })
    )
    this.#changed()
    // A pair may have had one all along, with settings of its own.
    this.#refreshSoon()
  }

  /** Somebody came, went, or has another role: fetches the members anew. */
  membersChanged(id) {
    this.#stale.add(id)
    this.#refreshSoon()
  }

  /** What this person has set for themselves, as the service answers it. */
  setMine(id, mine) {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.mine = mine
    this.#changed()
  }

  /** The conversation is no longer this person's. */
  drop(id) {
    this.#previews.delete(id)
    this.#members.delete(id)
    if (this.#entries.delete(id)) this.#vanished(id)
    this.#changed()
  }

  /** What the open room knows better: its newest message, and what is unread in it. */
  follow(room) {
    const newest = room.timeline.messages.at(-1)
    if (newest === undefined) return
    this.#preview(room.id, newest)
    const entry = this.#entries.get(room.id)
    if (entry === undefined) return
    entry.unread = room.unreadCount
    entry.unreadMentions = room.unreadMentions
  }

  #arrived(preview) {
    const entry = this.#entries.get(preview.conversation_id)
    if (entry === undefined) return this.#refreshSoon()
    this.#preview(entry.id, preview)
    if (preview.sender_id !== this.#self) {
      entry.unread += 1
      if (mentionsIn(preview).includes(this.#self)) entry.unreadMentions += 1
    }
    this.missed.acknowledgeSoon()
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
      const isWhole = cursor === undefined && page.next_cursor === null
      if (isWhole) this.#dropAllBut(page.items)
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

  /** Left from another device, or removed, while this one was away. */
  #dropAllBut(items) {
    const present = new Set(items.map((item) => item.id))
    for (const id of [...this.#entries.keys()]) if (!present.has(id)) this.drop(id)
  }

  /** Names of direct conversations are names of people, so the members are needed once. */
  async #learnMembers({ id, member_count: count }) {
    const isKnown = this.#members.has(id) && this.#entries.get(id)?.memberCount === count
    if (isKnown && !this.#stale.delete(id)) return
    this.#stale.delete(id)
    this.#members.set(id, await this.#api.members(id))
  }
}

const entryOf = (conversation) => ({
  id: conversation.id,
  type: conversation.type,
  name: conversation.metadata.name,
  memberCount: conversation.member_count,
  role: conversation.role,
  settings: conversation.settings,
  mine: conversation.my_settings,
  unread: conversation.unread_count,
  unreadMentions: conversation.unread_mentions,
  preview: undefined,
  activeAt: Date.parse(conversation.updated_at)
})
