/** One message as a bubble, with what can be done with it: a stored one, or one still on its way. */
import { h, icon, reconcile, setAttribute, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { moment, timeOfDay } from "../time.js"
import { actionBar, reactionView } from "./actions.js"
import { attachmentView } from "./attachment.js"
import { avatar } from "./avatar.js"
import { showText } from "./text.js"

const marks = {
  waiting: { icon: "clock", words: "Waiting for the connection" },
  sending: { icon: "clock", words: "Sending" },
  failed: { icon: "alert", words: "Not sent" },
  sent: { icon: "check", words: "Sent" },
  delivered: { icon: "checks", words: "Delivered" },
  read: { icon: "checks", words: "Read" }
}

const wordsFor = ({ status, readers }) =>
  status !== "read" && readers.length > 0 ? `Read by ${readers.join(", ")}` : marks[status].words

/** The tick marks after the time of one's own message. */
const mark = () => {
  const element = h("span", { class: "mark", role: "img" })
  let shown
  return {
    element,
    update(row) {
      element.hidden = row.status === undefined
      if (row.status === undefined) return
      const words = wordsFor(row)
      setAttribute(element, "aria-label", words)
      setAttribute(element, "title", words)
      if (row.status === shown) return
      shown = row.status
      element.replaceChildren(icon(marks[shown].icon))
    }
  }
}

/**
 * Row: as `rowsOf` makes it; `status` and `readers` only for one's own. `retry(row)` and `discard(row)` act on a message
 * that failed, `jump(messageId)` shows what was quoted, the others act on a stored message: see `actionBar`.
 */
export const messageView = ({ retry, discard, jump, ...acts }) => {
  let row
  const face = avatar("small")
  const sender = h("span", { class: "sender" })
  const quoted = h("span", { class: "quoted" })
  const quoteName = h("strong")
  const quote = h(
    "button",
    { type: "button", class: "quote", title: "Show this message", onclick: () => jump(row.quote.id) },
    quoteName,
    quoted
  )
  const text = h("p", { class: "text" })
  const attachments = h("ul", { class: "attachments" })
  const edited = h("span", { class: "edited" })
  const pinned = h(
    "span",
    { class: "mark", role: "img", "aria-label": "Pinned", title: "Pinned" },
    icon("pin")
  )
  const expiry = h("span", { class: "mark expiry", role: "img" }, icon("timer"))
  const actions = actionBar(acts)
  const reactions = h("div", { class: "reactions" })
  const createReaction = reactionView((reaction) => acts.react(row, reaction))
  const time = h("time")
  const status = mark()
  const trouble = h("span", { role: "alert" })
  const rescue = h(
    "div",
    { class: "rescue" },
    trouble,
    h("button", { type: "button", class: "link", onclick: () => retry(row) }, "Try again"),
    h("button", { type: "button", class: "link", onclick: () => discard(row) }, "Discard")
  )
  const bubble = h(
    "div",
    { class: "bubble" },
    sender,
    quote,
    attachments,
    text,
    h("span", { class: "meta" }, pinned, expiry, edited, time, status.element),
    actions.element
  )
  const element = h(
    "li",
    { class: "message", tabindex: "-1" },
    face.element,
    h("div", { class: "body" }, bubble, reactions, rescue)
  )

  return {
    element,
    update(next) {
      row = next
      element.classList.toggle("own", row.isOwn)
      element.classList.toggle("first", row.isFirst)
      element.classList.toggle("last", row.isLast)
      element.classList.toggle("deleted", row.isDeleted)
      element.classList.toggle("mentioned", row.isMentioned === true)
      setAttribute(element, "data-id", row.message?.id)
      setAttribute(element, "data-status", row.status)
      setAttribute(element, "data-seq", row.seq)
      face.element.hidden = !row.showSender
      face.update({ id: row.senderId, name: row.senderName })
      sender.hidden = !(row.showSender && row.isFirst)
      setText(sender, row.senderName)
      quote.hidden = row.quote === undefined || row.isDeleted
      setText(quoteName, row.quote?.name ?? "")
      setText(quoted, row.quote?.text ?? "")
      edited.hidden = row.editCount === 0 || row.isDeleted
      setText(edited, row.editCount > 1 ? `edited ${row.editCount}×` : "edited")
      pinned.hidden = row.isPinned !== true
      expiry.hidden = row.expiresAt === undefined || row.isDeleted
      const ending = row.expiresAt && `Disappears ${moment(row.expiresAt)}`
      setAttribute(expiry, "aria-label", ending)
      setAttribute(expiry, "title", ending)
      attachments.hidden = row.attachments.length === 0 || row.isDeleted
      reconcile(attachments, row.attachments, (one) => one.id, attachmentView)
      reactions.hidden = row.reactions.length === 0
      reconcile(reactions, row.reactions, (one) => one.reaction, createReaction)
      actions.update(row)
      if (row.isDeleted) setText(text, "This message was deleted")
      else showText(text, row)
      setText(time, timeOfDay(row.time))
      setAttribute(time, "datetime", new Date(row.time).toISOString())
      setAttribute(
        time,
        "title",
        row.seq === undefined ? undefined : `Message ${row.seq} of this conversation`
      )
      status.update(row)
      rescue.hidden = row.status !== "failed"
      setText(trouble, row.status === "failed" ? explain(row.refusal) : "")
    }
  }
}
