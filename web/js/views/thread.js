/**
 * The open conversation: who it is with, what is pinned, its messages, who is typing, and where to write. It keeps to the
 * newest message while the reader is there, and leaves the reader in peace while they look at older ones.
 */
import { h, icon, reconcile, setAttribute, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { rightsIn } from "../rights.js"
import { nameOf } from "../roster.js"
import { rowsOf } from "../rows.js"
import { avatar } from "./avatar.js"
import { composer } from "./composer.js"
import { messageView } from "./message.js"
import { pinStrip } from "./pins.js"
import { presenceOf, presenceText, typingText } from "./presence.js"
import { searchPanel } from "./search.js"

const NEAR_END_PX = 40
const NEAR_START_PX = 120

const divider = () => {
  const text = h("span")
  const element = h("li", { class: "divider" }, text)
  return {
    element,
    update(row) {
      setText(text, row.text)
      setAttribute(element, "data-tone", row.tone)
    }
  }
}

const UNKNOWN = { type: "direct", role: "member", memberIds: [], members: [] }

const button = (name, label, onclick) =>
  h("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick }, icon(name))

/**
 * `back()` returns to the list; `details()` shows members and settings, `info(message)` how far a message has come;
 * `watching(atEnd)` tells whether the newest message is in sight.
 */
export const threadView = ({ back, details, info, watching }) => {
  let client
  let room
  let atEnd = true

  const face = avatar()
  const title = h("h2")
  const subtitle = h("p", { class: "subtitle", "aria-live": "polite" })
  const head = h(
    "header",
    { class: "thread-head" },
    h(
      "button",
      { type: "button", class: "quiet back", "aria-label": "Back to conversations", onclick: back },
      icon("back")
    ),
    face.element,
    h("div", { class: "grow" }, title, subtitle),
    button("search", "Search", () => search.open(room)),
    button("more", "Details", details)
  )
  const jumpTo = (messageId) => room.jumpTo(messageId)
  const pins = pinStrip(jumpTo)
  const search = searchPanel({ jump: jumpTo, closed: () => writer.focus() })
  const older = h("p", { class: "older" }, "Older messages…")
  const beginning = h("p", { class: "beginning" })
  const list = h("ol", { class: "messages", role: "log", "aria-label": "Messages" })
  const typingNames = h("span", { class: "visually-hidden" })
  const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"))
  const typing = h("div", { class: "typing" }, dots, typingNames)
  const scroller = h(
    "div",
    { class: "scroller", tabindex: "0", "aria-label": "Conversation", onscroll: () => scrolled() },
    older,
    beginning,
    list,
    typing
  )
  const jump = h(
    "button",
    { type: "button", class: "jump", onclick: () => toEnd("smooth") },
    icon("down"),
    h("span", {}, "New messages")
  )
  const refused = h("p", { class: "refused", role: "alert" })
  const writer = composer()
  const element = h(
    "section",
    { class: "thread" },
    head,
    pins.element,
    h("div", { class: "stage" }, scroller, jump, search.element),
    refused,
    writer.element
  )

  const toEnd = (behavior = "instant") => scroller.scrollTo({ top: scroller.scrollHeight, behavior })

  const scrolled = () => {
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX
    watching(atEnd)
    updateJump()
    if (scroller.scrollTop < NEAR_START_PX) room.loadOlder()
  }

  /** The topmost message in sight, to be put back where it was after others have been added above it. */
  const anchorOf = () => {
    const top = scroller.getBoundingClientRect().top
    const visible = [...list.querySelectorAll(".message")].find(
      (row) => row.getBoundingClientRect().bottom > top
    )
    const before = visible?.getBoundingClientRect().top
    return {
      restore: () => {
        if (visible?.isConnected) scroller.scrollTop += visible.getBoundingClientRect().top - before
      }
    }
  }

  const updateJump = () => {
    jump.hidden = atEnd || room.newFrom === undefined
  }

  // The pane may grow or shrink, and the composer with its text: whoever was at the end stays there.
  new ResizeObserver(() => atEnd && toEnd()).observe(scroller)

  const create = (row) =>
    row.kind === "message"
      ? messageView({
          retry: (shown) => room.retry(shown.entry),
          discard: (shown) => room.discard(shown.entry),
          react: (shown, reaction) => room.toggleReaction(shown.message, reaction),
          jump: jumpTo,
          pin: (shown) => room.togglePin(shown.message),
          reply: (shown) => room.intend("reply", shown.message),
          edit: (shown) => room.intend("edit", shown.message),
          info: (shown) => info(shown.message),
          remove: (shown, scope) => room.delete(shown.message, scope)
        })
      : divider()

  const updateHead = (entry, others) => {
    const name = client.titleOf(entry)
    face.update({
      id: entry.type === "direct" ? (others[0] ?? entry.id) : entry.id,
      name,
      isGroup: entry.type === "group",
      presence: entry.type === "direct" && room.state === "joined" ? presenceOf(client, others[0]) : undefined
    })
    setText(title, name)
    setText(subtitle, typingText(room) || presenceText(client, entry, others))
    element.classList.toggle("someone-types", room.typing.userIds.length > 0)
    setText(
      beginning,
      entry.type === "direct"
        ? `This is the beginning of your conversation with ${name}.`
        : `This is the beginning of ${name}.`
    )
    writer.update({ room, drafts: client.drafts, title: name, others, mayPost: rightsIn(entry).post })
  }

  /** Brings a message that was asked for into sight, and makes it stand out for a moment. */
  const showSpotlight = () => {
    const row = [...list.children].find((child) => child.dataset.id === room.spotlight)
    room.spotlight = undefined
    if (row === undefined) return
    row.scrollIntoView({ block: "center" })
    row.focus({ preventScroll: true })
    row.classList.add("spotlight")
    row.addEventListener("animationend", () => row.classList.remove("spotlight"), { once: true })
  }

  const updateMessages = (entry, others) => {
    const isAnotherRoom = list.dataset.room !== room.id
    list.dataset.room = room.id
    const anchor = anchorOf()
    const countBefore = list.childElementCount
    const rows = rowsOf(room, entry, others)
    reconcile(list, rows, (row) => row.key, create)
    if (isAnotherRoom) {
      atEnd = true
      search.close()
    }
    const isOwnNew = rows.length > countBefore && ["waiting", "sending"].includes(rows.at(-1)?.status)
    if (room.spotlight !== undefined) showSpotlight()
    else if (atEnd || isOwnNew) toEnd()
    else anchor.restore()
  }

  return {
    element,
    focus: writer.focus,
    get atEnd() {
      return atEnd
    },
    update(nextClient) {
      client = nextClient
      room = client.room
      const entry = client.inbox.entry(room.id) ?? { ...UNKNOWN, id: room.id }
      const others = client.othersIn(entry)
      updateHead(entry, others)
      older.hidden = !room.timeline.hasOlder
      beginning.hidden = room.timeline.hasOlder || room.state === "joining"
      typing.hidden = room.typing.userIds.length === 0
      setText(typingNames, room.typing.userIds.map(nameOf).join(", "))
      const refusal = room.state === "refused" ? room.refusal : room.changeRefusal
      refused.hidden = refusal === undefined
      setText(refused, refusal === undefined ? "" : explain(refusal))
      pins.update(room.pinned)
      updateMessages(entry, others)
      updateJump()
    }
  }
}
