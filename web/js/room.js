/**
 * One person's view of one conversation over its `conversation:{id}` channel: joins, resumes, sends, receipts,
 * typing, presence. It owns what is known of the conversation; drawing it is the views' business. A room can be
 * closed and opened again; it then resumes from where it was.
 */
import { Presence } from "/assets/vendor/phoenix.mjs"
import { Outbox } from "./outbox.js"
import { Receipts } from "./receipts.js"
import { isPassing } from "./refusal.js"
import { Timeline } from "./timeline.js"
import { OthersTyping, OwnTyping } from "./typing.js"

const PAGE = 50
const MAX_ATTEMPTS = 4
const RETRY_MS = 1_500
const REPORT_AFTER_MS = 120

/** Refusals of a join that no retry will change. */
const isFinal = (refusal) => ["not_member", "not_found", "forbidden", "invalid"].includes(refusal.reason)

export class Room {
  #connection
  #changed
  #channel
  #closing = false
  #watched = false
  #reportTimer
  #reported = { read: 0, delivered: 0 }
  #wasLive = false

  constructor(conversationId, self, connection, changed) {
    this.id = conversationId
    this.self = self
    this.#connection = connection
    this.#changed = changed
    this.timeline = new Timeline()
    this.outbox = new Outbox()
    this.receipts = new Receipts()
    this.typing = new OthersTyping(changed)
    this.ownTyping = new OwnTyping((event) => this.#isJoined && this.#channel.push(event, {}))
    this.online = new Map()
    /** What the person has written but not sent; kept here while other rooms are looked at. */
    this.draft = ""
    /** "joining" | "joined" | "refused" (then `refusal` says why) */
    this.state = "joining"
    this.refusal = undefined
    /** The first message that came while nobody was looking: where "new" begins. */
    this.newFrom = undefined
    /** What the last resume brought: `{firstSeq, count}`. */
    this.caughtUp = undefined
    this.isLoadingOlder = false
  }

  get #isJoined() {
    return this.#channel?.state === "joined" && this.#connection.socket.isConnected()
  }

  get isOpen() {
    return this.#channel !== undefined && !this.#closing
  }

  get unreadCount() {
    const read = this.receipts.readBy(this.self)
    return this.timeline.messages.filter((message) => message.seq > read && message.sender_id !== this.self)
      .length
  }

  open() {
    this.#closing = false
    if (this.#channel === undefined) this.#join()
  }

  /** Leaves the channel, as soon as everything written has been acknowledged or refused. */
  close() {
    this.ownTyping.stop()
    this.#closing = true
    this.#leaveIfDone()
  }

  /** Whether a person is looking at the newest message now; only then is anything read. */
  setWatched(watched) {
    if (this.#watched === watched) return
    this.#watched = watched
    if (watched) this.#report()
  }

  send(content) {
    this.ownTyping.stop()
    this.newFrom = undefined
    this.outbox.add(content)
    this.#flush()
    this.#changed()
  }

  retry(entry) {
    entry.state = "waiting"
    entry.attempts = 0
    this.#flush()
    this.#changed()
  }

  discard(entry) {
    this.outbox.remove(entry.clientRandom)
    this.#changed()
  }

  loadOlder() {
    if (this.isLoadingOlder || !this.timeline.hasOlder || !this.#isJoined) return
    this.isLoadingOlder = true
    const done = () => {
      this.isLoadingOlder = false
      this.#changed()
    }
    this.#channel
      .push("history", { before_seq: this.timeline.firstSeq, limit: PAGE })
      .receive("ok", (page) => {
        this.timeline.merge(page.items)
        this.timeline.hasOlder = page.has_more
        done()
      })
      .receive("error", done)
      .receive("timeout", done)
    this.#changed()
  }

  #join() {
    const channel = this.#connection.socket.channel(`conversation:${this.id}`, () => this.#joinParams())
    this.#channel = channel
    this.#listen(channel)
    channel
      .join()
      .receive("ok", (snapshot) => this.#joined(snapshot))
      .receive("error", (refusal) => this.#refused(refusal))
  }

  /** Evaluated by the client at every join and rejoin. */
  #joinParams() {
    return this.timeline.position > 0 ? { last_seq: this.timeline.position } : {}
  }

  #listen(channel) {
    channel.onError(() => this.#interrupted())
    channel.on("new_message", (message) => this.#arrived(message))
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
    if (snapshot.resumed && snapshot.has_more) return this.#startAfresh()
    this.state = "joined"
    this.refusal = undefined
    const { timeline } = this
    if (snapshot.resumed) this.#resume(snapshot)
    else timeline.reset(snapshot.messages, snapshot.current_seq, snapshot.has_more)
    this.#wasLive = true
    for (const message of snapshot.messages) this.#acknowledge(message.sender_id, message.client_random)
    this.receipts.mergeAll(snapshot.read_positions)
    const own = snapshot.read_positions[this.self]
    this.#reported = { read: own?.last_read_seq ?? 0, delivered: own?.last_delivered_seq ?? 0 }
    this.#flush()
    this.#report()
    this.#changed()
  }

  #resume(snapshot) {
    const missed = snapshot.messages.filter(
      (message) => message.seq > this.timeline.position && message.sender_id !== this.self
    )
    if (missed.length > 0) {
      if (this.#wasLive) this.caughtUp = { firstSeq: missed[0].seq, count: missed.length }
      this.#noticeNew(missed[0].seq)
    }
    this.timeline.merge(snapshot.messages)
    this.timeline.position = snapshot.current_seq
  }

  /** More was missed than one page holds: begin with the newest page, as if opened for the first time. */
  #startAfresh() {
    this.timeline.position = 0
    this.#rejoin()
  }

  #rejoin() {
    this.#channel.leave()
    this.#join()
  }

  #refused(refusal) {
    this.refusal = refusal
    this.state = "refused"
    if (isFinal(refusal)) this.#leave()
    this.#changed()
  }

  #interrupted() {
    this.state = "joining"
    this.online = new Map()
    this.typing.clear()
    this.outbox.interrupted()
    this.#changed()
  }

  #arrived(message) {
    this.#acknowledge(message.sender_id, message.client_random)
    this.typing.set(message.sender_id, false)
    this.timeline.merge([message])
    if (!this.timeline.advance(message.version_seq)) return this.#rejoin()
    if (message.sender_id !== this.self) this.#noticeNew(message.seq)
    this.#report()
    this.#changed()
  }

  #noticeNew(seq) {
    if (!this.#watched) this.newFrom ??= seq
  }

  #receipt(receipt) {
    this.receipts.merge(receipt.user_id, receipt)
    this.#changed()
  }

  #acknowledge(senderId, random) {
    if (senderId === this.self) this.outbox.remove(random)
    this.#leaveIfDone()
  }

  #flush() {
    if (!this.#isJoined) return
    for (const entry of this.outbox.waiting()) this.#push(entry)
  }

  #push(entry) {
    entry.state = "sending"
    entry.attempts += 1
    const attempt = entry.attempts
    // An answer to an earlier attempt says nothing about the present one.
    const current = (handle) => (answer) => {
      if (entry.attempts === attempt && entry.state === "sending") handle(answer)
    }
    this.#channel
      .push("send_message", { content: entry.content, client_random: entry.clientRandom })
      .receive("ok", (sent) => this.#sent(entry, sent))
      .receive(
        "error",
        current((refusal) => this.#sendRefused(entry, refusal))
      )
      .receive(
        "timeout",
        current(() => this.#sendRefused(entry, { reason: "timeout" }))
      )
  }

  /**
   * The message is shown as sent as soon as the acknowledgement or the broadcast is here. This copy is made of the
   * little an acknowledgement tells, so its version is 0: whatever the service sends of the message replaces it.
   */
  #sent(entry, { message_id, seq, sent_at }) {
    this.timeline.merge([
      {
        id: message_id,
        conversation_id: this.id,
        seq,
        version_seq: 0,
        sender_id: this.self,
        content: entry.content,
        client_random: entry.clientRandom,
        sent_at,
        is_deleted: false
      }
    ])
    this.#acknowledge(this.self, entry.clientRandom)
    this.#changed()
  }

  #sendRefused(entry, refusal) {
    entry.refusal = refusal
    if (isPassing(refusal) && entry.attempts < MAX_ATTEMPTS) {
      entry.state = "waiting"
      setTimeout(() => this.#flush(), RETRY_MS * entry.attempts)
    } else {
      entry.state = "failed"
      this.#leaveIfDone()
    }
    this.#changed()
  }

  /** Reports what has been received and read, a little later and in one go. */
  #report() {
    this.#reportTimer ??= setTimeout(() => {
      this.#reportTimer = undefined
      if (this.#isJoined) this.#reportNow()
    }, REPORT_AFTER_MS)
  }

  #reportNow() {
    const newest = this.timeline.messages.findLast((message) => message.sender_id !== this.self)
    if (newest === undefined) return
    if (this.#watched && newest.seq > this.#reported.read) {
      this.#reported = { read: newest.seq, delivered: newest.seq }
      this.receipts.merge(this.self, { last_read_seq: newest.seq })
      this.#channel.push("mark_as_read", { seq: newest.seq })
      this.#changed()
    } else if (newest.seq > this.#reported.delivered) {
      this.#reported.delivered = newest.seq
      this.#channel.push("message_delivered", { seq: newest.seq })
    }
  }

  #leaveIfDone() {
    if (this.#closing && this.outbox.entries.every((entry) => entry.state === "failed")) this.#leave()
  }

  #leave() {
    this.#channel?.leave()
    this.#channel = undefined
    this.#wasLive = false
    this.online = new Map()
    this.typing.clear()
  }
}
