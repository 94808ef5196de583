/**
 * The list that opens while one writes `@…`: members whose name begins like that. Arrow keys choose, Enter or Tab takes,
 * Escape closes. The focus stays where one writes; the list is told to screen readers as its active descendant.
 */
import { h, setAttribute } from "../dom.js"
import { namingAt } from "../mentions.js"
import { nameOf } from "../roster.js"
import { avatar } from "./avatar.js"

const MOST = 6
let count = 0

/** `taken()` is called after a name was written into `input`. */
export const namingList = (input, taken) => {
  const id = `naming-${++count}`
  const element = h("ul", {
    id,
    class: "naming",
    role: "listbox",
    "aria-label": "Mention somebody",
    hidden: true
  })
  setAttribute(input, "aria-controls", id)
  setAttribute(input, "aria-autocomplete", "list")
  let found = []
  let chosen = 0
  let others = []

  const option = (userId, index) => {
    const face = avatar("small")
    face.update({ id: userId, name: nameOf(userId) })
    return h(
      "li",
      {
        id: `${id}-${index}`,
        role: "option",
        "aria-selected": String(index === chosen),
        // Before the input loses the focus.
        onpointerdown: (event) => {
          event.preventDefault()
          take(userId)
        }
      },
      face.element,
      nameOf(userId)
    )
  }

  const draw = () => {
    element.hidden = found.length === 0
    element.replaceChildren(...found.map(option))
    setAttribute(input, "aria-activedescendant", found.length > 0 && `${id}-${chosen}`)
  }

  const close = () => {
    found = []
    draw()
  }

  const look = () => {
    const naming = namingAt(input.value, input.selectionStart)
    const query = naming?.query.toLowerCase()
    found =
      naming === undefined
        ? []
        : others.filter((userId) => nameOf(userId).toLowerCase().startsWith(query)).slice(0, MOST)
    chosen = 0
    draw()
  }

  const take = (userId) => {
    const { from } = namingAt(input.value, input.selectionStart)
    input.setRangeText(`@${nameOf(userId)} `, from, input.selectionStart, "end")
    close()
    taken()
  }

  return {
    element,
    look,
    close,
    update(userIds) {
      others = userIds
    },
    /** Whether the key was for the list. */
    keydown(event) {
      if (found.length === 0) return false
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      if (step !== undefined) {
        chosen = (chosen + step + found.length) % found.length
        draw()
      } else if (event.key === "Enter" || event.key === "Tab") take(found[chosen])
      else if (event.key === "Escape") close()
      else return false
      event.preventDefault()
      return true
    }
  }
}
