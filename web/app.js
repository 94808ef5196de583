/**
 * The demo page: two people side by side, each a complete and independent client of the messaging service, or one
 * alone (`/?pane=alice`, `/?pane=<user id>&name=<name>`) in a tab or on a device of their own.
 */
import { h } from "./js/dom.js"
import { addPerson, people, personById, personByName } from "./js/roster.js"
import { recall, remember } from "./js/storage.js"
import { paneView } from "./js/views/pane.js"

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whom the address asks for, by name or by id; someone unknown is made. */
const personFromAddress = () => {
  const query = new URLSearchParams(location.search)
  const pane = query.get("pane")?.trim()
  if (!pane) return undefined
  const id = pane.toLowerCase()
  if (!UUID.test(id)) return personByName(pane) ?? addPerson(pane)
  return personById(id) ?? addPerson(query.get("name")?.trim() || `Guest ${id.slice(0, 4)}`, id)
}

const seatsBefore = () => {
  const [left, right] = people()
  const stored = recall("seats")
  const ids = Array.isArray(stored) ? stored : []
  return [personById(ids[0]) ?? left, personById(ids[1]) ?? right]
}

const showSolo = (main, person) => {
  main.classList.add("solo")
  main.append(paneView({ place: "solo", person }).element)
}

const showPair = (main, tabs) => {
  const seats = seatsBefore()
  const names = []
  const show = (index) => {
    main.dataset.shown = String(index)
    names.forEach((tab, at) => tab.setAttribute("aria-pressed", String(at === index)))
  }
  seats.forEach((person, index) => {
    const tab = h("button", { type: "button", onclick: () => show(index) })
    names.push(tab)
    const seated = (now) => {
      seats[index] = now
      tab.textContent = now.name
      remember(
        "seats",
        seats.map((seat) => seat.id)
      )
    }
    main.append(paneView({ place: index === 0 ? "left" : "right", person, seated }).element)
  })
  tabs.append(...names)
  show(0)
}

const main = document.querySelector("main")
const person = personFromAddress()
if (person === undefined) showPair(main, document.querySelector("#tabs"))
else showSolo(main, person)
