/**
 * Where a person writes: grows with the text, Enter sends, Shift+Enter makes a line, `@` names a member, and typing is
 * told. Says when nothing can be sent for a while.
 */
import { h, icon, setAttribute, setText } from "../dom.js"
import { LIFETIMES } from "../expiry.js"
import { explainHold } from "../refusal.js"
import { nameOf } from "../roster.js"
import { namingList } from "./naming.js"

const MAX_HEIGHT_PX = 160
const COUNT_EVERY_MS = 500

export const composer = () => {
  let room
  let drafts
  let others = []
  let intent
  let counting
  const input = h("textarea", {
    rows: "1",
    enterkeyhint: "send",
    oninput: () => {
      written()
      naming.look()
      if (input.value.trim() === "") room.ownTyping.stop()
      else room.ownTyping.keystroke()
    },
    onkeydown: (event) => {
      if (naming.keydown(event)) return
      if (event.key === "Escape" && room.intent !== undefined) return room.intend()
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
      submit(event)
    },
    onblur: () => {
      naming.close()
      room.ownTyping.stop()
    }
  })
  const naming = namingList(input, () => written())
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
  const hold = h("p", { class: "hold", role: "status" })
  const lifetime = h(
    "select",
    {
      "aria-label": "Messages disappear after",
      title: "Messages disappear after",
      onchange: () => room.lifetime(Number(lifetime.value))
    },
    ...LIFETIMES.map(({ seconds, words }) => h("option", { value: seconds }, words))
  )
  const lifetimeShort = h("span", { "aria-hidden": "true" })
  const timer = h("label", { class: "lifetime" }, icon("timer"), lifetimeShort, lifetime)
  const element = h(
    "form",
    { class: "composer", onsubmit: (event) => submit(event) },
    naming.element,
    hold,
    banner,
    input,
    timer,
    send
  )

  const written = () => {
    if (room.intent?.kind !== "edit") drafts.write(room.id, input.value)
    resize()
  }

  const showDraft = () => {
    const draft = drafts.textOf(room.id)
    if (input.value === draft) return
    input.value = draft
    resize()
  }

  /** An edit begins with the words of the message, and ends with what had been written before it. */
  const showIntent = () => {
    const { kind, message } = room.intent ?? {}
    banner.hidden = kind === undefined
    if (kind === "edit") setText(purpose, "Editing your message")
    if (kind === "reply") setText(purpose, `Reply to ${nameOf(message.sender_id)}: ${message.content}`)
    if (kind !== "edit") showDraft()
    if (room.intent === intent) return
    intent = room.intent
    if (kind === "edit") input.value = message.content
    resize()
    if (kind !== undefined) input.focus()
  }

  /** Counts down by itself: nothing else changes meanwhile. */
  const showHold = () => {
    clearTimeout(counting)
    hold.hidden = room.hold === undefined
    if (room.hold === undefined) return
    setText(hold, explainHold(room.hold))
    counting = setTimeout(showHold, COUNT_EVERY_MS)
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
    if (!isEdit) drafts.write(room.id, "")
    room.send(content, others)
    input.value = drafts.textOf(room.id)
    intent = undefined
    resize()
    input.focus()
  }

  return {
    element,
    focus: () => input.focus({ preventScroll: true }),
    /** `others`: the members besides oneself. */
    update({ room: nextRoom, drafts: nextDrafts, title, others: nextOthers, mayPost }) {
      const words = mayPost ? `Message ${title}` : "Only admins can write here"
      setAttribute(input, "aria-label", `Message ${title}`)
      setAttribute(input, "placeholder", words)
      input.disabled = !mayPost
      others = nextOthers
      naming.update(others)
      if (nextRoom !== room || nextDrafts !== drafts) {
        room = nextRoom
        drafts = nextDrafts
        intent = undefined
        naming.close()
      }
      showIntent()
      showHold()
      lifetime.value = String(room.expiresIn)
      setText(lifetimeShort, LIFETIMES.find(({ seconds }) => seconds === room.expiresIn).short)
      timer.classList.toggle("on", room.expiresIn > 0)
    }
  }
}
