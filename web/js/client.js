/**
 * Everything one person has in one pane: a session, a connection, an inbox, and the rooms they have looked at,
 * one of them open. Views read it and call it; it tells them, at most once per frame, that something changed.
 *
 * Gotcha: by a timer and not by `requestAnimationFrame`, which stands still in a hidden tab, whose title should
 * count on.
 */
import { Api } from "./api.js"
import { Connection } from "./connection.js"
import { Drafts } from "./drafts.js"
import { Inbox } from "./inbox.js"
import { Presences } from "./presences.js"
import { Room } from "./room.js"
import { nameOf, onRosterChange } from "./roster.js"
import { Session } from "./session.js"
import { recall, remember } from "./storage.js"

const REDRAW_AFTER_MS = 16

export class Client {
  #api
  #rooms = new Map()
  #userChannel
  #listener = () => {}
  #redraw
  #forgetRoster

  constructor(person, pane) {
    this.person = person
    /** The open conversation, if any. */
    this.room = undefined
    /** What went wrong with the last thing the person asked for: `{reason, …}`. */
    this.refusal = undefined
    const changed = () => this.#changed()
    this.session = new Session(person, pane, (token) => this.#userChannel?.push("refresh_token", { token }))
    this.connection = new Connection(this.session, changed)
    this.#api = new Api(this.session)
    this.inbox = new Inbox(person.id, this.session.deviceId, this.#api, {
      changed,
      appeared: (...news) => this.#appeared(...news),
      vanished: (id) => this.#vanished(id)
    })
    this.drafts = new Drafts(this.#api, changed)
    this.presences = new Presences(changed)
    this.#forgetRoster = onRosterChange(changed)
  }

  async start() {
    await this.connection.start()
    this.#userChannel = this.inbox.open(this.connection.socket, () => this.presences.joined())
    this.presences.listen(this.#userChannel)
    this.#userChannel.on("message_hidden", ({ conversation_id, message_id }) =>
      this.#rooms.get(conversation_id)?.hide(message_id)
    )
    this.#userChannel.on("draft_updated", ({ conversation_id, draft }) =>
      this.drafts.receive(conversation_id, draft)
    )
    this.connection.socket.onOpen(() => this.drafts.refresh())
    if (this.connection.isLive) this.drafts.refresh()
    const last = recall(this.#lastOpenKey)
    if (typeof last === "string") this.open(last)
  }

  /** `listener()` is called soon after a change, once for many. */
  onChange(listener) {
    this.#listener = listener
  }

  close() {
    this.#forgetRoster()
    clearTimeout(this.#redraw)
    this.#listener = () => {}
    this.presences.close()
    this.session.close()
    this.connection.close()
  }

  open(conversationId) {
    if (this.room?.id === conversationId) return
    this.leave()
    let room = this.#rooms.get(conversationId)
    if (room === undefined) {
      room = new Room(conversationId, this.person.id, {
        connection: this.connection,
        api: this.#api,
        changed: () => this.#changed(),
        conversationChanged: () => this.inbox.membersChanged(conversationId)
      })
      this.#rooms.set(conversationId, room)
    }
    this.room = room
    room.open()
    remember(this.#lastOpenKey, conversationId)
    this.#changed()
  }

  /** Back to the list. */
  leave() {
    if (this.room === undefined) return
    this.room.setWatched(false)
    this.room.close()
    this.room = undefined
    remember(this.#lastOpenKey, null)
    this.#changed()
  }

  /** Opens the conversation with these people, making it where there is none. */
  async converse(otherIds, groupName) {
    const memberIds = [this.person.id, ...otherIds]
    const isGroup = otherIds.length > 1
    const metadata = isGroup && groupName ? { name: groupName } : {}
    const conversation = await this.#ask(() =>
      this.#api.createConversation({ type: isGroup ? "group" : "direct", memberIds: otherIds, metadata })
    )
    if (conversation === undefined) return
    this.inbox.add(conversation, memberIds)
    this.open(conversation.id)
  }

  /** `settings` are any of `muted`, `pinned` and `archived`, for this person alone. */
  async setMine(conversationId, settings) {
    const mine = await this.#ask(() => this.#api.updateMySettings(conversationId, settings))
    if (mine !== undefined) this.inbox.setMine(conversationId, mine)
  }

  configure(conversationId, settings) {
    return this.#ask(() => this.#api.updateSettings(conversationId, settings))
  }

  /** What is asked of a group's members; the list follows from the events that come of it. */
  addMember(conversationId, userId) {
    return this.#ask(() => this.#api.addMember(conversationId, userId))
  }

  changeRole(conversationId, userId, role) {
    return this.#ask(() => this.#api.changeRole(conversationId, userId, role))
  }

  removeMember(conversationId, userId) {
    return this.#ask(() => this.#api.removeMember(conversationId, userId))
  }

  leaveGroup(conversationId) {
    return this.#ask(() => this.#api.leave(conversationId))
  }

  /** What this person wants to be known of themselves: `{last_seen, read_receipts, …}`. */
  preferences() {
    return this.#api.preferences()
  }

  prefer(changes) {
    return this.#api.updatePreferences(changes)
  }

  dismiss() {
    this.refusal = undefined
    this.#changed()
  }

  /** What this person calls a conversation. */
  titleOf(entry) {
    if (entry.name) return entry.name
    const others = this.othersIn(entry)
    return others.length === 0 ? this.person.name : others.map(nameOf).join(", ")
  }

  othersIn(entry) {
    return entry.memberIds.filter((id) => id !== this.person.id)
  }

  get unreadTotal() {
    return this.inbox.entries
      .filter((entry) => !entry.mine.muted)
      .reduce((sum, entry) => sum + entry.unread, 0)
  }

  get #lastOpenKey() {
    return `open:${this.person.id}`
  }

  /**
   * A pane that shows nothing opens the conversation someone has just begun with its person, and at the start the
   * newest one, unless its person went back to the list the last time.
   */
  #appeared(conversationId, { isFirstLoad }) {
    if (this.room !== undefined || (isFirstLoad && recall(this.#lastOpenKey) === null)) return
    this.open(conversationId)
  }

  /** Those whose presence is shown: in the open conversation, then the other side of each pair. */
  #acquaintances() {
    const { entries } = this.inbox
    const open = entries.filter((entry) => entry.id === this.room?.id)
    const pairs = entries.filter((entry) => entry.type === "direct")
    return [...open, ...pairs].flatMap((entry) => this.othersIn(entry))
  }

  #vanished(conversationId) {
    if (this.room?.id === conversationId) this.leave()
    this.#rooms.delete(conversationId)
  }

  /** What a person asks for: a refusal is shown to them, until the next thing they ask for goes well. */
  async #ask(request) {
    try {
      const answer = await request()
      this.refusal = undefined
      return answer
    } catch (refusal) {
      this.refusal = refusal
    } finally {
      this.#changed()
    }
  }

  #changed() {
    if (this.room !== undefined) this.inbox.follow(this.room)
    this.#redraw ??= setTimeout(() => {
      this.#redraw = undefined
      this.presences.want(this.#acquaintances())
      this.#listener()
    }, REDRAW_AFTER_MS)
  }
}
