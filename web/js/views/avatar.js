/** A person, or a group, as a coloured disc with initials and, where known, a dot for being online. */
import { h, setAttribute, setText } from "../dom.js"
import { hueOf } from "../roster.js"

const initialsOf = (name) => {
  const words = name.trim().split(/\s+/)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters.map((word) => [...word][0]?.toLocaleUpperCase() ?? "?").join("")
}

/** `update({id, name, isGroup?, presence?})`; presence is "online", "away", "offline" or unknown. */
export const avatar = (size = "medium") => {
  const letters = h("span")
  const element = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, letters)
  return {
    element,
    update({ id, name, isGroup, presence }) {
      setText(letters, initialsOf(name))
      setAttribute(element, "data-hue", hueOf(id))
      element.classList.toggle("group", isGroup === true)
      setAttribute(element, "data-presence", presence)
    }
  }
}
