/**
 * The little DOM help this page needs: make an element, keep a list of elements in step with a list of items,
 * change text only where it differs. Data enters the page as text nodes and attributes, never as markup.
 */
const SVG = "http://www.w3.org/2000/svg"

/** `h("button", {class: "x", onclick: f}, "text", child)`. Attributes that are false or undefined are left out. */
export const h = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else setAttribute(element, name, value)
  }
  element.append(...children.filter((child) => child !== undefined && child !== null))
  return element
}

export const setAttribute = (element, name, value) => {
  if (value === undefined || value === null || value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? "" : value)
}

export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text
}

const icons = {
  plus: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  chevron: "M7 10l5 5 5-5",
  down: "M12 5v13M6 12l6 6 6-6",
  reply: "M10 8L5 13l5 5M5 13h9a5 5 0 0 1 5 5v1",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  send: "M12 19V5M5.5 11.5L12 5l6.5 6.5",
  external: "M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
  unplug: "M9 8V3M15 8V3M7 8h10v3a5 5 0 0 1-10 0zM12 16v5M3 3l18 18",
  plug: "M9 8V3M15 8V3M7 8h10v3a5 5 0 0 1-10 0zM12 16v5",
  check: "M4 12.5l5 5L20 6.5",
  checks: "M1.5 12.5l5 5 11-11M12.5 16.5l1.5 1 9-11",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  search: "M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16 16l4.5 4.5",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  mute: "M6 16V11a6 6 0 0 1 9-5.2M18 11v5M4 17h13M10 20a2 2 0 0 0 4 0M4 4l16 16",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  more: "M6 12a1 1 0 1 1-2 0 1 1 0 0 1 2 0zM13 12a1 1 0 1 1-2 0 1 1 0 0 1 2 0zM20 12a1 1 0 1 1-2 0 1 1 0 0 1 2 0z",
  timer: "M12 9v4l2.5 1.5M10 3h4M20 13a8 8 0 1 1-16 0 8 8 0 0 1 16 0z",
  file: "M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7zM14 3v4h4",
  image: "M4 5h16v14H4zM4 16l5-5 5 5 2-2 4 4M15.5 9.5h.1",
  play: "M4 5h16v14H4zM10 9l5 3-5 3z",
  audio:
    "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  leave: "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M11 12h9M17 8.5l3.5 3.5-3.5 3.5",
  alert: "M12 8v5M12 16.5v.2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z"
}

/** A line drawing that means nothing by itself to a screen reader; the element around it carries the words. */
export const icon = (name) => {
  const svg = document.createElementNS(SVG, "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("class", "icon")
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS(SVG, "path")
  path.setAttribute("d", icons[name])
  svg.append(path)
  return svg
}

const shown = new WeakMap()

/**
 * Makes the children of `parent` those of `items`, in order, reusing elements by key so that focus, scroll
 * position and animations survive. `create(item)` answers `{element, update(item)}`.
 */
export const reconcile = (parent, items, keyOf, create) => {
  const before = shown.get(parent) ?? new Map()
  const after = new Map(items.map((item) => [keyOf(item), item]))
  for (const [key, view] of before) if (!after.has(key)) view.element.remove()
  let cursor = parent.firstElementChild
  for (const [key, item] of after) {
    const view = before.get(key) ?? create(item)
    view.update(item)
    after.set(key, view)
    if (view.element === cursor) cursor = cursor.nextElementSibling
    else parent.insertBefore(view.element, cursor)
  }
  shown.set(parent, after)
}
