/** The two sheets about people: who sits in this pane, and whom to talk to. Both can add a person. */
import { h } from "../dom.js"
import { addPerson, people, personByName } from "../roster.js"
import { avatar } from "./avatar.js"

const face = (person) => {
  const view = avatar()
  view.update(person)
  return view.element
}

/** A name and a button; `added(person)` gets the new person, or the one who already has that name. */
const newPerson = (label, added) => {
  const name = h("input", {
    type: "text",
    name: "name",
    maxlength: "40",
    required: true,
    autocomplete: "off",
    "aria-label": "Name of a new person",
    placeholder: "Someone new"
  })
  const submit = (event) => {
    event.preventDefault()
    if (name.value.trim() === "") return
    added(personByName(name.value) ?? addPerson(name.value))
    name.value = ""
  }
  return h(
    "form",
    { class: "new-person", onsubmit: submit },
    name,
    h("button", { type: "submit", class: "secondary" }, label)
  )
}

/** Choose who sits in the pane; `own` is about the one who does now, and shown below. */
export const whoSheet = (current, chosen, own) => (close) => {
  const choose = (person) => {
    close()
    if (person.id !== current.id) chosen(person)
  }
  const choice = (person) =>
    h(
      "button",
      {
        type: "button",
        class: "choice",
        "aria-current": person.id === current.id,
        onclick: () => choose(person)
      },
      face(person),
      h("span", { class: "grow" }, person.name)
    )
  return h(
    "div",
    { class: "sheet-body" },
    h("div", { class: "choices" }, ...people().map(choice)),
    newPerson("Add", choose),
    own
  )
}

/** Choose one person for a direct conversation, or several for a group. */
export const conversationSheet = (self, chosen) => (close) => {
  const selected = new Set()
  const groupName = h("input", {
    type: "text",
    name: "group",
    maxlength: "60",
    autocomplete: "off",
    "aria-label": "Name of the group",
    placeholder: "Name of the group (optional)"
  })
  const start = h("button", { type: "submit", class: "primary" })
  const list = h("div", { class: "choices" })

  const refresh = () => {
    groupName.hidden = selected.size < 2
    start.disabled = selected.size === 0
    start.textContent = selected.size < 2 ? "Start conversation" : `Start a group of ${selected.size + 1}`
  }

  const choice = (person) => {
    const box = h("input", {
      type: "checkbox",
      value: person.id,
      checked: selected.has(person.id),
      onchange: () => {
        if (box.checked) selected.add(person.id)
        else selected.delete(person.id)
        refresh()
      }
    })
    return h("label", { class: "choice" }, face(person), h("span", { class: "grow" }, person.name), box)
  }

  const fill = () => {
    list.replaceChildren(
      ...people()
        .filter((person) => person.id !== self.id)
        .map(choice)
    )
    refresh()
  }

  const submit = (event) => {
    event.preventDefault()
    close()
    chosen([...selected], groupName.value.trim())
  }

  fill()
  return h(
    "div",
    { class: "sheet-body" },
    h("form", { class: "stack", onsubmit: submit }, list, groupName, start),
    newPerson("Add", (person) => {
      if (person.id !== self.id) selected.add(person.id)
      fill()
    })
  )
}
