/**
 * One message as a bubble: a stored one, or one still on its way. Later abilities of a message (reactions,
 * editing, replies) belong here and in `room.js`.
 */
import { h, icon, setAttribute, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { timeOfDay } from "../time.js"
import { avatar } from "./avatar.js"

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
 * Row: `{key, senderId, senderName, showSender, isOwn, isFirst, isLast, content, isDeleted, time, seq, status,
 * readers, refusal}`; `status` and `readers` only for one's own. `retry(row)` and `discard(row)` act on a message that failed.
 */
export const messageView = ({ retry, discard }) => {
  let row
  const face = avatar("small")
  const sender = h("span", { class: "sender" })
  const text = h("p", { class: "text" })
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
    text,
    h("span", { class: "meta" }, time, status.element)
  )
  const element = h("li", { class: "message" }, face.element, h("div", { class: "body" }, bubble, rescue))

  return {
    element,
    update(next) {
      row = next
      element.classList.toggle("own", row.isOwn)
      element.classList.toggle("first", row.isFirst)
      element.classList.toggle("last", row.isLast)
      element.classList.toggle("deleted", row.isDeleted)
      setAttribute(element, "data-status", row.status)
      setAttribute(element, "data-seq", row.seq)
      face.element.hidden = !row.showSender
      face.update({ id: row.senderId, name: row.senderName })
      sender.hidden = !(row.showSender && row.isFirst)
      setText(sender, row.senderName)
      setText(text, row.isDeleted ? "This message was deleted" : row.content)
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
