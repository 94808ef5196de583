/** Where a person writes: grows with the text, Enter sends, Shift+Enter makes a line, and typing is told. */
import { h, icon, setAttribute, setText } from "../dom.js"
import { nameOf } from "../roster.js"

const MAX_HEIGHT_PX = 160

export const composer = () => {
  let room
  let intent
  const input = h("textarea", {
    rows: "1",
    enterkeyhint: "send",
    oninput: () => {
      if (room.intent?.kind !== "edit") room.draft = input.value
      resize()
      if (input.value.trim() === "") room.ownTyping.stop()
      else room.ownTyping.keystroke()
    },
    onkeydown: (event) => {
      if (event.key === "Escape" && room.intent !== undefined) return room.intend()
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
  const purpose = h("span", { class: "grow" })
  const cancel = h(
    "button",
    { type: "button", class: "quiet", "aria-label": "Cancel", onclick: () => room.intend() },
    icon("close")
  )
  const banner = h("div", { class: "purpose" }, purpose, cancel)
  const element = h("form", { class: "composer", onsubmit: (event) => submit(event) }, banner, input, send)

  /** An edit begins with the words of the message, and ends with what had been written before it. */
  const showIntent = () => {
    const { kind, message } = room.intent ?? {}
    banner.hidden = kind === undefined
    if (kind === "edit") setText(purpose, "Editing your message")
    if (kind === "reply") setText(purpose, `Reply to ${nameOf(message.sender_id)}: ${message.content}`)
    if (room.intent === intent) return
    const wasEdit = intent?.kind === "edit"
    intent = room.intent
    if (kind === "edit") input.value = message.content
    else if (wasEdit) input.value = room.draft
    resize()
    if (kind !== undefined) input.focus()
  }

  const resize = () => {
    input.style.height = "auto"
    input.style.height = `${Math.min(input.scrollHeight, MAX_HEIGHT_PX)}px`
    send.disabled = input.value.trim() === ""
  }

  const submit = (event) => {
    event.preventDefault()
    const content = input.value.trim()
    if (content === "") return
    const isEdit = room.intent?.kind === "edit"
    room.send(content)
    if (!isEdit) room.draft = ""
    input.value = room.draft
    intent = undefined
    resize()
    input.focus()
  }

  return {
    element,
    focus: () => input.focus({ preventScroll: true }),
    update(nextRoom, title) {
      setAttribute(input, "aria-label", `Message ${title}`)
      setAttribute(input, "placeholder", `Message ${title}`)
      if (nextRoom !== room) {
        room = nextRoom
        intent = undefined
        input.value = room.draft
        resize()
      }
      showIntent()
    }
  }
}
