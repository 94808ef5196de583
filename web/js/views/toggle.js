/** A switch that shows as on when what it stands for has come true. */
import { h, icon, setAttribute } from "../dom.js"

/** `set(isOn)` asks for the change. */
export const toggle = (name, label, set) => {
  let isOn = false
  const element = h(
    "button",
    { type: "button", class: "toggle", "aria-pressed": "false", onclick: () => set(!isOn) },
    icon(name),
    label
  )
  return {
    element,
    update(next) {
      isOn = next
      setAttribute(element, "aria-pressed", String(isOn))
    }
  }
}
