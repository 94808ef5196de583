/**
 * A dialog over one pane, not over the page: the other pane stays alive beside it. While it is open the rest of
 * its pane is inert; Escape, the cross or a click outside close it and give the focus back.
 */
import { h, icon } from "../dom.js"

let count = 0

/**
 * Opens a sheet in `pane` over `rest`. `fill(close)` answers the content; answers the sheet's `close` and whether it
 * still `isOpen`.
 */
export const openSheet = (pane, rest, title, fill) => {
  const focusedBefore = document.activeElement
  const heading = h("h2", { id: `sheet-${++count}` }, title)
  const close = () => {
    rest.inert = false
    backdrop.remove()
    focusedBefore?.focus()
  }
  const dialog = h(
    "div",
    { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": heading.id },
    h(
      "header",
      {},
      heading,
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: close }, icon("close"))
    ),
    fill(close)
  )
  const backdrop = h(
    "div",
    {
      class: "backdrop",
      onclick: (event) => event.target === backdrop && close(),
      onkeydown: (event) => event.key === "Escape" && close()
    },
    dialog
  )
  rest.inert = true
  pane.append(backdrop)
  dialog.querySelector("[autofocus], input, .choice, .toggle")?.focus()
  return {
    close,
    get isOpen() {
      return backdrop.isConnected
    }
  }
}
