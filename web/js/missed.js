/**
 * What this device missed in all conversations together: told by the service after each join of `user:{id}`, counted
 * for the person, and acknowledged, so that it does not come again and counts as delivered.
 */
import { recallInTab, rememberInTab } from "./storage.js"

const ACKNOWLEDGE_AFTER_MS = 300

export class Missed {
  #self
  #key
  #changed
  #channel
  #coming = new Map()
  #timer

  constructor(self, device, changed) {
    this.#self = self
    this.#key = `cursor:${device}`
    this.#changed = changed
    /** Of the last absence: how many messages of others, and in which conversations. */
    this.count = 0
    this.conversationIds = new Set()
  }

  /** From where the service goes on. */
  joinParams() {
    const cursor = recallInTab(this.#key)
    return typeof cursor === "string" ? { cursor } : {}
  }

  listen(channel) {
    this.#channel = channel
    channel.on("pending_message", (message) => this.#coming.set(message.id, message))
    channel.on("sync_complete", ({ cursor }) => {
      this.#tell()
      this.#acknowledge(cursor)
    })
    // The conversations themselves are loaded anew as they are opened.
    channel.on("sync_reset", ({ cursor }) => {
      this.#coming.clear()
      if (cursor !== undefined) this.#acknowledge(cursor)
    })
  }

  /** Something came by way of `user:{id}`: this device has it. */
  acknowledgeSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#channel.push("ping", {}).receive("ok", ({ cursor }) => this.#acknowledge(cursor))
    }, ACKNOWLEDGE_AFTER_MS)
  }

  dismiss() {
    this.count = 0
    this.#changed()
  }

  #tell() {
    const fromOthers = [...this.#coming.values()].filter(
      (message) => message.sender_id !== this.#self && !message.is_deleted
    )
    this.#coming.clear()
    this.count = fromOthers.length
    this.conversationIds = new Set(fromOthers.map((message) => message.conversation_id))
    this.#changed()
  }

  #acknowledge(cursor) {
    if (typeof cursor !== "string") return
    this.#channel.push("ack", { cursor }).receive("ok", () => rememberInTab(this.#key, cursor))
  }
}
