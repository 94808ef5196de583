/** What a person can do with a message: a small bar that shows when one points at it or tabs into it. */
import { h, icon, setAttribute } from "../dom.js"

const QUICK = ["👍", "❤️", "🎉"]

const button = (name, label, onclick) =>
  h("button", { type: "button", class: "action", "aria-label": label, title: label, onclick }, icon(name))

/** `acts` are `react(row, reaction)`, `reply(row)`, `pin(row)`, `edit(row)`, `info(row)` and `remove(row, scope)`. */
export const actionBar = (acts) => {
  let row
  const quick = QUICK.map((reaction) =>
    h(
      "button",
      {
        type: "button",
        class: "action",
        "aria-label": `React with ${reaction}`,
        title: `React with ${reaction}`,
        onclick: () => acts.react(row, reaction)
      },
      reaction
    )
  )
  const reply = button("reply", "Reply", () => acts.reply(row))
  const pin = button("pin", "Pin", () => acts.pin(row))
  const edit = button("edit", "Edit", () => acts.edit(row))
  const info = button("checks", "Info", () => acts.info(row))
  const removeForAll = button("trash", "Delete for everyone", () => acts.remove(row, "everyone"))
  const removeForMe = button("trash", "Delete for me", () => acts.remove(row, "me"))
  const element = h("div", { class: "actions" }, ...quick, reply, pin, edit, info, removeForAll, removeForMe)
  return {
    element,
    update(next) {
      row = next
      element.hidden = row.message === undefined
      for (const one of [...quick, reply]) one.hidden = row.isDeleted
      pin.hidden = !row.mayPin
      for (const attribute of ["aria-label", "title"])
        setAttribute(pin, attribute, row.isPinned ? "Unpin" : "Pin")
      edit.hidden = !row.isOwn || row.isDeleted
      info.hidden = edit.hidden
      removeForAll.hidden = !(row.isOwn || row.mayModerate) || row.isDeleted
      removeForMe.hidden = row.isOwn && !row.isDeleted
    }
  }
}

/** The reactions under a message; a click gives or takes back one's own. */
export const reactionView = (react) => (first) => {
  let one = first
  const count = h("span")
  const element = h(
    "button",
    { type: "button", class: "reaction", onclick: () => react(one.reaction) },
    first.reaction,
    count
  )
  return {
    element,
    update(next) {
      one = next
      count.textContent = String(one.count)
      element.setAttribute("aria-label", `${one.reaction} ${one.count}`)
      element.setAttribute("aria-pressed", String(one.isOwn))
      element.title = one.names
    }
  }
}
