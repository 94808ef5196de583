/** The words of a message, with the names of those who are mentioned standing out. */
import { h } from "../dom.js"
import { partsOf } from "../mentions.js"

const shown = new WeakMap()

export const showText = (element, { content, mentions }) => {
  const text = content ?? ""
  const key = JSON.stringify([text, mentions])
  if (shown.get(element) === key && element.textContent === text) return
  shown.set(element, key)
  element.replaceChildren(
    ...partsOf(text, mentions).map((part) =>
      part.userId === undefined ? part.text : h("span", { class: "mention" }, part.text)
    )
  )
}
