/** The strip of pinned messages: shows one, leads to it, and then shows the next. */
import { h, icon, setText } from "../dom.js"
import { nameOf } from "../roster.js"

/** `jump(messageId)` shows a message. */
export const pinStrip = (jump) => {
  let pinned = []
  let at = 0
  const label = h("strong")
  const text = h("span", { class: "pinned-text" })
  const show = h(
    "button",
    {
      type: "button",
      class: "pin-strip",
      title: "Show this message",
      onclick: () => {
        jump(pinned[at].id)
        at = (at + 1) % pinned.length
        update(pinned)
      }
    },
    icon("pin"),
    h("span", { class: "pinned-lines" }, label, text)
  )
  const update = (messages) => {
    // A new pin is shown first.
    if (messages[0]?.id !== pinned[0]?.id || at >= messages.length) at = 0
    pinned = messages
    show.hidden = pinned.length === 0
    if (pinned.length === 0) return
    setText(label, pinned.length === 1 ? "Pinned" : `Pinned ${at + 1} of ${pinned.length}`)
    setText(text, `${nameOf(pinned[at].sender_id)}: ${pinned[at].content}`)
  }
  return { element: show, update }
}
