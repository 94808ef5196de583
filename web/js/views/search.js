/** Search in the open conversation: words in, messages out; choosing one shows it among the others. */
import { h, icon, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { nameOf } from "../roster.js"
import { moment } from "../time.js"

const SEARCH_AFTER_MS = 250

/** `jump(messageId)` shows a message; `closed()` is called when the search ends. */
export const searchPanel = ({ jump, closed }) => {
  let room
  let timer
  let latest = 0
  const input = h("input", {
    type: "search",
    maxlength: "200",
    autocomplete: "off",
    "aria-label": "Search in this conversation",
    placeholder: "Search in this conversation",
    oninput: () => {
      clearTimeout(timer)
      timer = setTimeout(() => look(), SEARCH_AFTER_MS)
    },
    onkeydown: (event) => {
      if (event.key === "Escape") close()
      if (event.key === "Enter") look()
    }
  })
  const count = h("p", { class: "search-count", role: "status" })
  const hits = h("ul", { class: "hits", "aria-label": "Found messages" })
  const element = h(
    "section",
    { class: "search", hidden: true, "aria-label": "Search" },
    h(
      "div",
      { class: "search-line" },
      icon("search"),
      input,
      h(
        "button",
        { type: "button", class: "quiet", "aria-label": "Close the search", onclick: () => close() },
        icon("close")
      )
    ),
    count,
    hits
  )

  const hit = (message) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "hit", onclick: () => choose(message.id) },
        h(
          "span",
          { class: "line" },
          h("strong", {}, nameOf(message.sender_id)),
          h("time", {}, moment(Date.parse(message.sent_at)))
        ),
        h("span", { class: "hit-text" }, message.content)
      )
    )

  const show = (messages, words) => {
    hits.replaceChildren(...messages.map(hit))
    setText(count, words)
  }

  /** Answers may overtake each other: only the one to the latest question counts. */
  const look = async () => {
    clearTimeout(timer)
    const words = input.value.trim()
    const question = ++latest
    if (words === "") return show([], "")
    try {
      const page = await room.search(words)
      if (question !== latest) return
      const many = page.next_cursor === null ? page.items.length : `More than ${page.items.length}`
      show(page.items, page.items.length === 0 ? "Nothing found" : `${many} found`)
    } catch (refusal) {
      if (question === latest) show([], explain(refusal))
    }
  }

  const choose = (messageId) => {
    close()
    jump(messageId)
  }

  const close = () => {
    if (element.hidden) return
    clearTimeout(timer)
    latest += 1
    element.hidden = true
    closed()
  }

  return {
    element,
    close,
    open(inRoom) {
      room = inRoom
      element.hidden = false
      input.value = ""
      show([], "")
      input.focus()
    }
  }
}
