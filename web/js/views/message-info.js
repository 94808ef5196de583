/** How far one of one's own messages has come: who has read it, who has it, and when. It follows the receipts. */
import { h, reconcile, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { nameOf } from "../roster.js"
import { moment } from "../time.js"
import { avatar } from "./avatar.js"

/** The times of a receipt are known a moment after it. */
const SETTLED_AFTER_MS = 600

const personView = ({ userId }) => {
  const face = avatar("small")
  const time = h("span", { class: "role" })
  face.update({ id: userId, name: nameOf(userId) })
  return {
    element: h(
      "li",
      { class: "member" },
      face.element,
      h("span", { class: "member-name grow" }, nameOf(userId)),
      time
    ),
    update: ({ at }) => setText(time, at ? moment(Date.parse(at)) : "")
  }
}

const part = (words) => {
  const heading = h("h3", {})
  const list = h("ul", { class: "members", "aria-label": words })
  const element = h("section", { class: "group-part" }, heading, list)
  return {
    element,
    update(count, people) {
      element.hidden = count === 0
      setText(heading, `${words} ${count}`)
      reconcile(list, people, ({ userId }) => userId, personView)
    }
  }
}

export const messageInfoView = ({ client, message }) => {
  const { room } = client
  const read = part("Read by")
  const delivered = part("Delivered to")
  const waiting = part("Sent to")
  const sent = h("p", { class: "nothing" }, `Sent ${moment(Date.parse(message.sent_at))}`)
  const trouble = h("p", { class: "trouble", role: "alert" })
  trouble.hidden = true
  let known
  let timer

  const show = ({ recipients, delivered_count, read_count, delivered_to, read_by }) => {
    const readers = (read_by ?? []).map((one) => ({ userId: one.user_id, at: one.read_at }))
    const isReader = new Set(readers.map((one) => one.userId))
    const holders = (delivered_to ?? [])
      .filter((one) => !isReader.has(one.user_id))
      .map((one) => ({ userId: one.user_id, at: one.delivered_at }))
    read.update(read_count, readers)
    // Whoever has read it, but does not tell, has it at least.
    delivered.update(delivered_count - read_count, holders)
    waiting.update(recipients - delivered_count, [])
  }

  const load = async () => {
    try {
      show(await room.statusOf(message.id))
      trouble.hidden = true
    } catch (refusal) {
      trouble.hidden = false
      setText(trouble, explain(refusal))
    }
  }

  return {
    id: room.id,
    element: h(
      "div",
      { class: "sheet-body details" },
      sent,
      read.element,
      delivered.element,
      waiting.element,
      trouble
    ),
    /** Asks again when somebody has got further, and once more when the times are known. */
    update() {
      if (known === room.receipts.version) return
      known = room.receipts.version
      load()
      clearTimeout(timer)
      timer = setTimeout(load, SETTLED_AFTER_MS)
    }
  }
}
