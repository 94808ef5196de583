/** What others may know of this person, and this person of others: both ways or not at all. */
import { h, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { toggle } from "./toggle.js"

/** While it is in sight and not known what is set. */
const RETRY_AFTER_MS = 2_000

export const privacyView = (client) => {
  const ask = async (request) => {
    try {
      show(await request())
    } catch (refusal) {
      trouble.hidden = false
      setText(trouble, explain(refusal))
    }
  }
  const set = (key) => (isOn) => ask(() => client.prefer({ [key]: isOn }))
  const lastSeen = toggle("clock", "Last seen", set("last_seen"))
  const receipts = toggle("checks", "Read receipts", set("read_receipts"))
  const trouble = h("p", { class: "trouble", role: "alert" })
  trouble.hidden = true

  const show = (preferences) => {
    trouble.hidden = true
    lastSeen.update(preferences.last_seen)
    receipts.update(preferences.read_receipts)
  }

  const element = h(
    "section",
    { class: "privacy", "aria-label": "What others may know" },
    h("div", { class: "toggles" }, lastSeen.element, receipts.element),
    h("p", {}, "Off: you neither tell it, nor are told it of others."),
    trouble
  )
  const load = async () => {
    await ask(() => client.preferences())
    if (!trouble.hidden && element.isConnected) setTimeout(load, RETRY_AFTER_MS)
  }
  load()
  return element
}
