/**
 * One pane: one person with a client of their own. It puts the views together, says how the connection is, and
 * decides when somebody is looking: a pane counts as looked at while the page is visible and the pointer or the
 * focus is in it (alone in sight, always). Only then are messages marked as read.
 */
import { Client } from "../client.js"
import { h, icon, setAttribute, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { personById, personByName } from "../roster.js"
import { avatar } from "./avatar.js"
import { detailsView } from "./details.js"
import { inboxView } from "./inbox.js"
import { messageInfoView } from "./message-info.js"
import { conversationSheet, whoSheet } from "./people.js"
import { privacyView } from "./privacy.js"
import { openSheet } from "./sheet.js"
import { threadView } from "./thread.js"

const stateWords = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  offline: "Offline",
  refused: "No service"
}

const bannerText = ({ state, refusal }) => {
  if (state === "offline")
    return "Connection dropped. What you write now is kept, and sent when you reconnect."
  if (state === "reconnecting") return "Connection lost. Reconnecting; nothing you write is lost."
  if (state === "refused") return `${explain(refusal)} Trying again…`
  return ""
}

/** Alice suggests Bob, everyone else suggests Alice. */
const suggestedFor = (person) =>
  [personByName("Bob"), personByName("Alice")].find((other) => other && other.id !== person.id)

/** `place` names the pane ("left", "right", "solo"); `seated(person)` is told who sits in it. */
export const paneView = ({ place, person: first, seated }) => {
  const isSolo = place === "solo"
  let client
  let details

  const face = avatar()
  const name = h("span", { class: "name" })
  const devices = h("span", { class: "devices" })
  const who = h(
    "button",
    {
      type: "button",
      class: "who",
      "aria-haspopup": "dialog",
      title: "Change person",
      onclick: () => changePerson()
    },
    face.element,
    name,
    icon("chevron")
  )
  const state = h("span", { class: "state", role: "status" })
  const round = h("span", { class: "round", title: "To the service and back" })
  const drop = h("button", { type: "button", class: "secondary drop", onclick: () => toggleConnection() })
  const elsewhere = h(
    "a",
    {
      class: "quiet",
      target: "_blank",
      rel: "noopener",
      title: "Open in a tab of its own",
      "aria-label": "Open in a tab of its own"
    },
    icon("external")
  )
  const banner = h("p", { class: "banner", role: "status" })
  const noticeText = h("span", { class: "grow" })
  const notice = h(
    "p",
    { class: "notice", role: "alert" },
    noticeText,
    h(
      "button",
      { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => client.dismiss() },
      icon("close")
    )
  )

  const inbox = inboxView({
    open: (id) => {
      client.open(id)
      write()
    },
    compose: () => compose(),
    more: () => client.inbox.loadMore()
  })
  const thread = threadView({
    back: () => client.leave(),
    details: () => showDetails(),
    info: (message) => showInfo(message),
    watching: () => updateAttention()
  })
  const hello = h("button", {
    type: "button",
    class: "primary",
    onclick: () => converse([suggestedFor(client.person).id])
  })
  const greeting = h("h2")
  const advice = h("p")
  const welcome = h(
    "section",
    { class: "welcome" },
    greeting,
    advice,
    hello,
    h("button", { type: "button", class: "link", onclick: () => compose() }, "Someone else, or a group")
  )
  const rest = h(
    "div",
    { class: "pane-rest" },
    h(
      "header",
      { class: "pane-head" },
      who,
      state,
      round,
      devices,
      h("span", { class: "grow" }),
      drop,
      isSolo ? undefined : elsewhere
    ),
    banner,
    notice,
    h("div", { class: "pane-body" }, inbox.element, thread.element, welcome)
  )
  const element = h("section", { class: "pane", "data-place": place }, rest)

  /** Shows the conversation just opened, with the cursor where one writes. */
  const write = () => {
    update()
    thread.focus()
  }

  const converse = async (ids, groupName) => {
    await client.converse(ids, groupName)
    if (client.refusal === undefined) write()
  }

  const compose = () =>
    openSheet(element, rest, "New conversation", conversationSheet(client.person, converse))

  const showDetails = () => {
    const { id } = client.room
    const view = detailsView({ client, id, close: () => sheet.close() })
    const sheet = openSheet(element, rest, "Details", () => view.element)
    details = { view, sheet }
    view.update()
  }

  const showInfo = (message) => {
    const view = messageInfoView({ client, message })
    details = { view, sheet: openSheet(element, rest, "Message info", () => view.element) }
    view.update()
  }

  /** Both sheets are about what is going on: they follow it, and end with the conversation. */
  const updateDetails = () => {
    if (details === undefined) return
    if (!details.sheet.isOpen) details = undefined
    else if (client.room?.id !== details.view.id) details.sheet.close()
    else details.view.update()
  }

  const changePerson = () =>
    openSheet(element, rest, "Who is here?", whoSheet(client.person, seat, privacyView(client)))

  const toggleConnection = () => {
    if (client.connection.state === "offline") client.connection.restore()
    else client.connection.drop()
  }

  /** Alone in sight: on a page of its own, or on a page so narrow that it shows one pane at a time. */
  const isAlone = () =>
    element.checkVisibility() &&
    [...element.parentElement.children].every((pane) => pane === element || !pane.checkVisibility())

  const isLookedAt = () =>
    document.visibilityState === "visible" &&
    element.isConnected &&
    (isAlone() || element.matches(":hover") || element.contains(document.activeElement))

  const updateAttention = () => {
    const looking = isLookedAt()
    element.classList.toggle("looked-at", looking)
    client.room?.setWatched(looking && thread.atEnd)
  }

  for (const event of ["pointerenter", "pointerleave", "focusin"])
    element.addEventListener(event, updateAttention)
  // While `focusout` runs, the focus is nowhere; a moment later it is known whether it left the pane.
  element.addEventListener("focusout", () => setTimeout(updateAttention))
  document.addEventListener("visibilitychange", updateAttention)
  new ResizeObserver(updateAttention).observe(element)

  const updateHead = () => {
    const { person, connection } = client
    element.setAttribute("aria-label", person.name)
    face.update(person)
    setText(name, person.name)
    devices.hidden = client.inbox.deviceCount < 2
    setText(devices, `${client.inbox.deviceCount} devices`)
    setText(state, stateWords[connection.state])
    setAttribute(state, "data-state", connection.state)
    round.hidden = connection.roundTripMs === undefined
    setText(round, `${connection.roundTripMs} ms`)
    const isOffline = connection.state === "offline"
    setText(banner, bannerText(connection))
    banner.hidden = banner.textContent === ""
    if (drop.dataset.offline !== String(isOffline)) {
      drop.dataset.offline = String(isOffline)
      drop.replaceChildren(
        icon(isOffline ? "plug" : "unplug"),
        h("span", {}, isOffline ? "Reconnect" : "Drop connection")
      )
      drop.setAttribute("aria-label", isOffline ? "Reconnect" : "Drop connection")
      drop.title = isOffline ? "Reconnect" : "Drop connection"
    }
    drop.disabled = connection.state === "refused"
    elsewhere.href = `/?pane=${encodeURIComponent(person.id)}&name=${encodeURIComponent(person.name)}`
    if (isSolo)
      document.title = `${client.unreadTotal > 0 ? `(${client.unreadTotal}) ` : ""}${person.name} · Messaging`
  }

  const updateWelcome = () => {
    const hasChats = client.inbox.entries.length > 0
    element.classList.toggle("has-chats", hasChats)
    welcome.hidden = client.room !== undefined
    setText(greeting, hasChats ? "No conversation open" : `Hello, ${client.person.name}`)
    setText(
      advice,
      hasChats
        ? "Choose one from the list, or begin a new one."
        : "Begin a conversation, and see it arrive on the other side."
    )
    setText(hello, `Say hello to ${suggestedFor(client.person).name}`)
  }

  const update = () => {
    updateHead()
    notice.hidden = client.refusal === undefined
    setText(noticeText, client.refusal ? explain(client.refusal) : "")
    inbox.update(client)
    element.classList.toggle("has-room", client.room !== undefined)
    thread.element.hidden = client.room === undefined
    updateWelcome()
    if (client.room !== undefined) thread.update(client)
    updateDetails()
    updateAttention()
  }

  const seat = (person) => {
    client?.close()
    client = new Client(personById(person.id) ?? person, place)
    client.onChange(update)
    seated?.(client.person)
    update()
    client.start()
  }

  seat(first)
  return { element }
}
