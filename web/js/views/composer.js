/** Where a person writes: grows with the text, Enter sends, Shift+Enter makes a line, and typing is told. */
import { h, icon, setAttribute } from "../dom.js"

const MAX_HEIGHT_PX = 160

export const composer = () => {
  let room
  const input = h("textarea", {
    rows: "1",
    enterkeyhint: "send",
    oninput: () => {
      room.draft = input.value
      resize()
      if (input.value.trim() === "") room.ownTyping.stop()
      else room.ownTyping.keystroke()
    },
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
      submit(event)
    },
    onblur: () => room.ownTyping.stop()
  })
  const send = h(
    "button",
    { type: "submit", class: "send", "aria-label": "Send", title: "Send" },
    icon("send")
  )
  const element = h("form", { class: "composer", onsubmit: (event) => submit(event) }, input, send)

  const resize = () => {
    input.style.height = "auto"
    input.style.height = `${Math.min(input.scrollHeight, MAX_HEIGHT_PX)}px`
    send.disabled = input.value.trim() === ""
  }

  const submit = (event) => {
    event.preventDefault()
    const content = input.value.trim()
    if (content === "") return
    room.send(content)
    room.draft = ""
    input.value = ""
    resize()
    input.focus()
  }

  return {
    element,
    focus: () => input.focus({ preventScroll: true }),
    update(nextRoom, title) {
      setAttribute(input, "aria-label", `Message ${title}`)
      setAttribute(input, "placeholder", `Message ${title}`)
      if (nextRoom === room) return
      room = nextRoom
      input.value = room.draft
      resize()
    }
  }
}
