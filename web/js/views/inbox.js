/** The list of conversations. Arrow keys move through it. */
import { h, icon, reconcile, setAttribute, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { nameOf } from "../roster.js"
import { briefly } from "../time.js"
import { avatar } from "./avatar.js"
import { presenceOf } from "./presence.js"

const MAX_BADGE = 99

const previewText = (client, entry) => {
  const message = entry.preview
  if (message === undefined) return entry.type === "group" ? `${entry.memberIds.length} members` : ""
  if (message.is_deleted) return "Message deleted"
  if (message.sender_id === client.person.id) return `You: ${message.content}`
  return entry.type === "group" ? `${nameOf(message.sender_id)}: ${message.content}` : message.content
}

const entryView = (open) => {
  let id
  const face = avatar()
  const name = h("span", { class: "name" })
  const time = h("time")
  const preview = h("span", { class: "preview" })
  const badge = h("span", { class: "badge" })
  const button = h(
    "button",
    { type: "button", class: "entry", onclick: () => open(id) },
    face.element,
    h("span", { class: "line" }, name, time),
    h("span", { class: "line" }, preview, badge)
  )
  return {
    element: h("li", {}, button),
    update({ client, entry }) {
      id = entry.id
      const others = client.othersIn(entry)
      const room = client.room?.id === id ? client.room : undefined
      const isDirect = entry.type === "direct"
      face.update({
        id: isDirect ? (others[0] ?? id) : id,
        name: client.titleOf(entry),
        isGroup: !isDirect,
        presence: isDirect && room?.state === "joined" ? presenceOf(room, others[0]) : undefined
      })
      setText(name, client.titleOf(entry))
      setText(time, briefly(entry.activeAt))
      setText(preview, previewText(client, entry))
      badge.hidden = entry.unread === 0
      setText(badge, entry.unread > MAX_BADGE ? `${MAX_BADGE}+` : String(entry.unread))
      setAttribute(badge, "aria-label", `${entry.unread} unread`)
      setAttribute(button, "aria-current", room !== undefined)
    }
  }
}

const moveFocus = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step === undefined) return
  const buttons = [...event.currentTarget.querySelectorAll(".entry")]
  const next = buttons[buttons.indexOf(document.activeElement) + step]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}

/** `open(id)` opens a conversation; `compose()` begins a new one. */
export const inboxView = ({ open, compose, more }) => {
  const list = h("ul", { class: "entries", onkeydown: moveFocus })
  const nothing = h("p", { class: "nothing" })
  const showMore = h("button", { type: "button", class: "link", onclick: more }, "Show more")
  const element = h(
    "nav",
    { class: "inbox", "aria-label": "Conversations" },
    h(
      "header",
      {},
      h("h2", {}, "Chats"),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": "New conversation",
          title: "New conversation",
          onclick: compose
        },
        icon("plus")
      )
    ),
    list,
    nothing,
    showMore
  )
  return {
    element,
    update(client) {
      const { inbox } = client
      reconcile(
        list,
        inbox.entries.map((entry) => ({ client, entry })),
        ({ entry }) => entry.id,
        () => entryView(open)
      )
      nothing.hidden = inbox.entries.length > 0
      setText(
        nothing,
        inbox.refusal ? explain(inbox.refusal) : inbox.isLoaded ? "No conversations yet" : "Loading…"
      )
      showMore.hidden = !inbox.hasMore
    }
  }
}
