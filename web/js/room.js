/**
 * One person's view of one conversation over its `conversation:{id}` channel: joins, resumes, messages, presence.
 * It owns what is known of the conversation; drawing it is the views' business. A room can be closed and opened
 * again; it then resumes from where it was.
 *
 * What the service learns to do with a message is one more event in `#listen`, one method beside `send`, and a piece of
 * `views/message.js`. Members, roles and settings are the inbox's business; the room only tells it that they changed.
 */
import { Presence } from "/assets/vendor/phoenix.mjs"
import { Expiry, isOver } from "./expiry.js"
import { History } from "./history.js"
import { mentionsIn, metadataFor } from "./mentions.js"
import { Outbox } from "./outbox.js"
import { withReaction } from "./reactions.js"
import { Receipts } from "./receipts.js"
import { Reports } from "./reports.js"
import { Timeline } from "./timeline.js"
import { OthersTyping, OwnTyping } from "./typing.js"

/** What happens to a conversation as a whole, and to who is in it. */
const CONVERSATION_EVENTS = [
  "conversation_updated",
  "member_added",
  "members_added",
  "member_updated",
  "member_removed"
]

/** Refusals of a join that no retry will change. */
const FINAL = new Set(["not_member", "not_found", "forbidden", "invalid"])

export class Room {
  #connection
  #api
  #changed
  #conversationChanged
  #channel
  #expiry
  #history
  #outbox
  #reports
  #isClosing = false
  #isWatched = false
  #wasJoined = false

  constructor(conversationId, self, { connection, api, changed, conversationChanged }) {
    this.id = conversationId
    this.self = self
    this.#connection = connection
    this.#api = api
    this.#changed = changed
    this.#conversationChanged = conversationChanged
    const push = (event, payload) => (this.#isJoined ? this.#channel.push(event, payload) : undefined)
    this.#outbox = new Outbox({
      push,
      sent: (entry, acknowledgement) => this.#sent(entry, acknowledgement),
      changed: () => this.#outboxChanged()
    })
    this.#reports = new Reports({
      push,
      newest: () => this.#newestOfOthers(),
      read: (seq) => this.#receipt({ user_id: this.self, last_read_seq: seq })
    })
    this.timeline = new Timeline()
    this.#history = new History({
      timeline: this.timeline,
      push,
      fetch: (messageId) => api.message(conversationId, messageId),
      changed: () => this.#expired()
    })
    this.#expiry = new Expiry(() => this.#expired())
    this.receipts = new Receipts()
    this.typing = new OthersTyping(changed)
    this.ownTyping = new OwnTyping((event) => push(event, {}))
    /** Who is here now: user id to presence metas, one per device. */
    this.online = new Map()
    /** Pinned messages, the last one pinned first. */
    this.pinned = []
    /** After how many seconds what is written next disappears; 0 for never. */
    this.expiresIn = 0
    /** A message to be brought into sight: its id, until a view has done so. */
    this.spotlight = undefined
    /** What the next words are for, if not simply a message: `{kind: "edit" | "reply", message}`. */
    this.intent = undefined
    /** Why the last change of a message was refused. */
    this.changeRefusal = undefined
    /** "joining" | "joined" | "refused" (then `refusal` says why) */
    this.state = "joining"
    this.refusal = undefined
    /** The first message that came while nobody was looking: where "new" begins. */
    this.newFrom = undefined
    /** What the last resume brought: `{firstSeq, count}`. */
    this.caughtUp = undefined
  }

  /** Written and not acknowledged; see `Outbox.entries`. */
  get unacknowledged() {
    return this.#outbox.entries
  }

  /** Why nothing is sent for now; see `Outbox.hold`. */
  get hold() {
    return this.#outbox.hold
  }

  get #unread() {
    const read = this.receipts.readBy(this.self)
    return this.timeline.messages.filter((message) => message.seq > read && message.sender_id !== this.self)
  }

  get unreadCount() {
    return this.#unread.length
  }

  get unreadMentions() {
    return this.#unread.filter((message) => mentionsIn(message).includes(this.self)).length
  }

  get #isJoined() {
    return this.#channel?.state === "joined" && this.#connection.socket.isConnected()
  }

  open() {
    this.#isClosing = false
    if (this.#channel === undefined) this.#join()
  }

  /** Leaves the channel, as soon as everything written has been acknowledged or refused. */
  close() {
    this.ownTyping.stop()
    this.#isClosing = true
    this.#leaveIfDone()
  }

  /** Whether a person is looking at the newest message now; only then is anything read. */
  setWatched(isWatched) {
    if (this.#isWatched === isWatched) return
    this.#isWatched = isWatched
    if (isWatched) this.#reports.soon()
  }

  /** `others`: the members who can be mentioned. */
  send(content, others) {
    this.ownTyping.stop()
    this.newFrom = undefined
    const { kind, message } = this.intent ?? {}
    this.intent = undefined
    if (kind === "edit") {
      const metadata = metadataFor(content, others, message.metadata)
      this.#change("edit_message", { message_id: message.id, content, metadata })
    } else
      this.#outbox.add(content, {
        replyToId: message?.id,
        metadata: metadataFor(content, others),
        expiresIn: this.expiresIn
      })
    this.#changed()
  }

  /** `kind` is "edit" or "reply"; without a message, back to writing a new one. */
  intend(kind, message) {
    this.intent = message === undefined ? undefined : { kind, message }
    this.#changed()
  }

  toggleReaction(message, reaction) {
    const isOwn = message.reactions?.some(
      (one) => one.reaction === reaction && one.user_ids.includes(this.self)
    )
    this.#change(isOwn ? "remove_reaction" : "add_reaction", { message_id: message.id, reaction })
  }

  togglePin(message) {
    this.#change(message.is_pinned ? "unpin_message" : "pin_message", { message_id: message.id })
  }

  /** Shows a message, however far back it is. */
  async jumpTo(messageId) {
    const message = await this.#history.reach(messageId).catch((refusal) => {
      this.changeRefusal = refusal
    })
    this.spotlight = message?.id
    this.#changed()
  }

  /** To whom a message was delivered and who has read it, as the service knows it. */
  statusOf(messageId) {
    return this.#api.messageStatus(this.id, messageId)
  }

  search(words) {
    return this.#api.search(this.id, words)
  }

  lifetime(seconds) {
    this.expiresIn = seconds
    this.#changed()
  }

  /** `scope` is "me" or "everyone". */
  delete(message, scope) {
    this.#change("delete_message", { message_id: message.id, scope }, () => {
      if (scope === "me") this.hide(message.id)
    })
  }

  /** Deleted for oneself, here or on another device. */
  hide(messageId) {
    this.timeline.hide(messageId)
    this.#changed()
  }

  retry(entry) {
    this.#outbox.retry(entry)
    this.#changed()
  }

  discard(entry) {
    this.#outbox.remove(entry.clientRandom)
    this.#changed()
  }

  loadOlder() {
    this.#history.loadOlder()
  }

  /** Nothing is shown before the service says so: the event that comes of it changes the message. */
  #change(event, payload, done = () => {}) {
    const settled = (refusal) => {
      this.changeRefusal = refusal
      this.#changed()
    }
    if (!this.#isJoined) return settled({ reason: "unreachable" })
    this.#channel
      .push(event, payload)
      .receive("ok", () => {
        settled(undefined)
        done()
      })
      .receive("error", settled)
      .receive("timeout", () => settled({ reason: "timeout" }))
  }

  #join() {
    // The parameters are evaluated at every join and rejoin: each resumes from what is known by then.
    const params = () => (this.timeline.position > 0 ? { last_seq: this.timeline.position } : {})
    this.#channel = this.#connection.socket.channel(`conversation:${this.id}`, params)
    this.#listen(this.#channel)
    this.#channel
      .join()
      .receive("ok", (snapshot) => this.#joined(snapshot))
      .receive("error", (refusal) => this.#refused(refusal))
  }

  #listen(channel) {
    channel.onError(() => this.#interrupted())
    channel.on("new_message", (message) => this.#arrived(message))
    for (const event of ["message_edited", "message_deleted"])
      channel.on(event, (message) => {
        this.timeline.replace(message)
        if (message.is_deleted) this.#refreshPinned()
        this.#reached(message.version_seq)
      })
    for (const event of ["reaction_added", "reaction_removed"])
      channel.on(event, (told) =>
        this.#patched(told, ({ reactions = [] }) => ({
          reactions: withReaction(reactions, told, event === "reaction_added")
        }))
      )
    for (const event of ["message_pinned", "message_unpinned"])
      channel.on(event, (told) => {
        this.#patched(told, () => ({ is_pinned: event === "message_pinned" }))
        this.#refreshPinned()
      })
    channel.on("attachment_added", (told) =>
      this.#patched(told, ({ attachments = [] }) => ({ attachments: [...attachments, told.attachment] }))
    )
    for (const event of CONVERSATION_EVENTS) channel.on(event, () => this.#conversationChanged())
    channel.on("typing_indicator", ({ user_id, action }) => this.typing.set(user_id, action === "start"))
    channel.on("read_receipt", (receipt) => this.#receipt(receipt))
    channel.on("delivery_receipt", (receipt) => this.#receipt(receipt))
    const presence = new Presence(channel)
    presence.onSync(() => {
      this.online = new Map(presence.list((userId, { metas }) => [userId, metas]))
      this.#changed()
    })
  }

  #joined(snapshot) {
    // More was missed than one page holds: begin with the newest page, as if opened for the first time.
    if (snapshot.resumed && snapshot.has_more) {
      this.timeline.position = 0
      return this.#rejoin()
    }
    this.state = "joined"
    this.refusal = undefined
    if (snapshot.resumed) this.#resume(snapshot)
    else this.timeline.reset(snapshot.messages, snapshot.current_seq, snapshot.has_more)
    this.timeline.clearTo(snapshot.cleared_seq)
    this.#wasJoined = true
    for (const message of snapshot.messages) this.#acknowledge(message)
    this.receipts.mergeAll(snapshot.read_positions)
    this.#reports.resume(snapshot.read_positions[this.self])
    this.#outbox.flush()
    this.#expiry.watch(this.timeline.messages)
    this.#refreshPinned()
    this.#changed()
  }

  #resume(snapshot) {
    const { position } = this.timeline
    const missed = snapshot.messages.filter(
      (message) => message.seq > position && message.sender_id !== this.self
    )
    if (missed.length > 0) {
      const firstSeq = missed[0].seq
      if (this.#wasJoined) this.caughtUp = { firstSeq, count: missed.length }
      this.#noticeNew(firstSeq)
    }
    // Changes of messages before the first one here would leave a hole behind them.
    this.timeline.merge(snapshot.messages.filter((message) => message.seq >= (this.timeline.firstSeq ?? 0)))
    for (const id of snapshot.hidden_ids) this.timeline.hide(id)
    this.timeline.position = snapshot.current_seq
  }

  #expired() {
    this.#expiry.watch(this.timeline.messages)
    this.pinned = this.pinned.filter((message) => !isOver(message))
    this.#changed()
  }

  async #refreshPinned() {
    const pinned = await this.#api.pinnedMessages(this.id).catch(() => undefined)
    if (pinned === undefined) return
    this.pinned = pinned
    this.#changed()
  }

  #rejoin() {
    this.#channel.leave()
    this.#join()
  }

  #refused(refusal) {
    this.refusal = refusal
    this.state = "refused"
    if (FINAL.has(refusal.reason)) this.#leave()
    this.#changed()
  }

  #interrupted() {
    this.state = "joining"
    this.#outbox.interrupted()
    this.#forgetWhoIsHere()
    this.#changed()
  }

  #arrived(message) {
    this.#acknowledge(message)
    this.typing.set(message.sender_id, false)
    this.timeline.merge([message])
    if (message.expires_at !== null) this.#expiry.watch(this.timeline.messages)
    // Something in between is missing: a resume brings it.
    if (!this.timeline.advance(message.version_seq)) return this.#rejoin()
    if (message.sender_id !== this.self) this.#noticeNew(message.seq)
    this.#reports.soon()
    this.#changed()
  }

  #patched({ message_id, seq }, change) {
    this.timeline.patch(message_id, seq, change)
    this.#reached(seq)
  }

  /** Something in between may be missing: then a resume brings it. */
  #reached(seq) {
    if (!this.timeline.advance(seq)) return this.#rejoin()
    this.#changed()
  }

  #noticeNew(seq) {
    if (!this.#isWatched) this.newFrom ??= seq
  }

  #receipt(receipt) {
    this.receipts.merge(receipt.user_id, receipt)
    this.#changed()
  }

  #newestOfOthers() {
    const newest = this.timeline.messages.findLast((message) => message.sender_id !== this.self)
    return newest && { seq: newest.seq, isRead: this.#isWatched }
  }

  /**
   * The message is shown as sent as soon as the acknowledgement or the broadcast is here. This copy is made of the
   * little an acknowledgement tells, so its version is 0: whatever the service sends of the message replaces it.
   */
  #sent(entry, { message_id, seq, sent_at }) {
    const message = {
      id: message_id,
      conversation_id: this.id,
      seq,
      version_seq: 0,
      sender_id: this.self,
      reply_to_id: entry.replyToId ?? null,
      content: entry.content,
      metadata: entry.metadata,
      client_random: entry.clientRandom,
      sent_at,
      is_deleted: false
    }
    this.timeline.merge([message])
    this.#acknowledge(message)
    this.#changed()
  }

  #acknowledge(message) {
    if (message.sender_id !== this.self) return
    this.#outbox.remove(message.client_random)
    this.#leaveIfDone()
  }

  #outboxChanged() {
    this.#leaveIfDone()
    this.#changed()
  }

  #leaveIfDone() {
    if (this.#isClosing && this.#outbox.isSettled) this.#leave()
  }

  #leave() {
    this.#channel?.leave()
    this.#channel = undefined
    this.#wasJoined = false
    this.#forgetWhoIsHere()
  }

  #forgetWhoIsHere() {
    this.online = new Map()
    this.typing.clear()
  }
}
