/** The list of conversations. Arrow keys move through it. */
import { h, icon, reconcile, setAttribute, setText } from "../dom.js"
import { isOver } from "../expiry.js"
import { explain } from "../refusal.js"
import { nameOf } from "../roster.js"
import { briefly } from "../time.js"
import { avatar } from "./avatar.js"

const MAX_BADGE = 99

/** A draft is what one wants to be reminded of, unless one is looking at it. */
const draftOf = (client, entry) => (client.room?.id === entry.id ? "" : client.drafts.textOf(entry.id))

const previewText = (client, entry) => {
  const draft = draftOf(client, entry)
  if (draft !== "") return draft
  const message = entry.preview
  if (message === undefined) return entry.type === "group" ? `${entry.memberIds.length} members` : ""
  if (message.is_deleted) return "Message deleted"
  if (isOver(message)) return ""
  if (message.sender_id === client.person.id) return `You: ${message.content}`
  return entry.type === "group" ? `${nameOf(message.sender_id)}: ${message.content}` : message.content
}

const sign = (name, words) =>
  h("span", { class: "sign", role: "img", "aria-label": words, title: words }, icon(name))

const entryView = (open) => {
  let id
  const face = avatar()
  const name = h("span", { class: "name" })
  const time = h("time")
  const preview = h("span", { class: "preview" })
  const draft = h("span", { class: "draft" }, "Draft")
  const badge = h("span", { class: "badge" })
  const mention = h("span", { class: "badge mention-badge", title: "You are mentioned" }, "@")
  const pinned = sign("pin", "Pinned")
  const muted = sign("mute", "Muted")
  const button = h(
    "button",
    { type: "button", class: "entry", onclick: () => open(id) },
    face.element,
    h("span", { class: "line" }, name, time),
    h("span", { class: "line" }, draft, preview, muted, pinned, mention, badge)
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
        presence: isDirect ? client.presences.of(others[0])?.status : undefined
      })
      setText(name, client.titleOf(entry))
      setText(time, briefly(entry.activeAt))
      setText(preview, previewText(client, entry))
      draft.hidden = draftOf(client, entry) === ""
      pinned.hidden = !entry.mine.pinned
      muted.hidden = !entry.mine.muted
      mention.hidden = entry.unreadMentions === 0
      setAttribute(mention, "aria-label", `${entry.unreadMentions} unread mentions`)
      badge.classList.toggle("faint", entry.mine.muted)
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

const missedText = ({ count, conversationIds }) => {
  const messages = count === 1 ? "1 message" : `${count} messages`
  const where = conversationIds.size === 1 ? "" : ` in ${conversationIds.size} conversations`
  return `While you were away: ${messages}${where}`
}

/** `open(id)` opens a conversation; `compose()` begins a new one. */
export const inboxView = ({ open, compose, more }) => {
  let client
  let showsArchive = false
  const list = h("ul", { class: "entries", onkeydown: moveFocus })
  const nothing = h("p", { class: "nothing" })
  const missedWords = h("span", { class: "grow" })
  const missed = h(
    "p",
    { class: "missed", role: "status" },
    missedWords,
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Dismiss what was missed",
        onclick: () => client.inbox.missed.dismiss()
      },
      icon("close")
    )
  )
  const heading = h("h2", {}, "Chats")
  const archive = h("button", {
    type: "button",
    class: "link archive",
    onclick: () => {
      showsArchive = !showsArchive
      update(client)
    }
  })
  const showMore = h("button", { type: "button", class: "link", onclick: more }, "Show more")
  const element = h(
    "nav",
    { class: "inbox", "aria-label": "Conversations" },
    h(
      "header",
      {},
      heading,
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
    missed,
    list,
    nothing,
    showMore,
    archive
  )

  /** What was missed is told until it has been read. */
  const updateMissed = ({ missed: news, entries }) => {
    const isUnread = entries.some((entry) => entry.unread > 0 && news.conversationIds.has(entry.id))
    missed.hidden = news.count === 0 || !isUnread
    setText(missedWords, missed.hidden ? "" : missedText(news))
  }

  const updateArchive = (archivedCount) => {
    if (archivedCount === 0) showsArchive = false
    setText(heading, showsArchive ? "Archive" : "Chats")
    archive.hidden = archivedCount === 0
    setText(archive, showsArchive ? "Back to chats" : `Archive (${archivedCount})`)
  }

  const update = (nextClient) => {
    if (nextClient !== client) showsArchive = false
    client = nextClient
    const { inbox } = client
    const { entries } = inbox
    updateMissed(inbox)
    updateArchive(entries.filter((entry) => entry.mine.archived).length)
    const listed = entries.filter((entry) => entry.mine.archived === showsArchive)
    reconcile(
      list,
      listed.map((entry) => ({ client, entry })),
      ({ entry }) => entry.id,
      () => entryView(open)
    )
    nothing.hidden = listed.length > 0
    setText(
      nothing,
      inbox.refusal ? explain(inbox.refusal) : inbox.isLoaded ? "No conversations yet" : "Loading…"
    )
    showMore.hidden = !inbox.hasMore
  }

  return { element, update }
}
