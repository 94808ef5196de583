/**
 * What there is to know and to set about a conversation: for oneself (muted, pinned, archived), for everybody (slow
 * mode), and in a group who is in it and what they are. Offers only what one's role allows.
 */
import { h, icon, reconcile, setText } from "../dom.js"
import { explain } from "../refusal.js"
import { rightsIn } from "../rights.js"
import { nameOf, people } from "../roster.js"
import { avatar } from "./avatar.js"
import { presenceOf, standingText } from "./presence.js"
import { toggle } from "./toggle.js"

const roles = { owner: "Owner", admin: "Admin", member: "Member" }

const slowModes = [
  { seconds: 0, words: "Off" },
  { seconds: 5, words: "One message in 5 seconds" },
  { seconds: 30, words: "One message in 30 seconds" },
  { seconds: 300, words: "One message in 5 minutes" }
]

/** One member; `acts` are `promote(id, role)` and `remove(id)`. A new role shows when it has come true. */
const memberView = (acts) => (first) => {
  const { id } = first.member
  const name = nameOf(id)
  const face = avatar()
  const role = h("span", { class: "role" })
  const choice = h(
    "select",
    { "aria-label": `Role of ${name}`, onchange: () => acts.promote(id, choice.value) },
    ...Object.entries(roles).map(([value, words]) => h("option", { value }, words))
  )
  const remove = h(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-label": `Remove ${name}`,
      title: `Remove ${name}`,
      onclick: () => acts.remove(id)
    },
    icon("close")
  )
  const seen = h("span", { class: "seen" })
  const memberName = h("span", { class: "member-name grow" }, first.isSelf ? `${name} (you)` : name, seen)
  return {
    element: h("li", { class: "member" }, face.element, memberName, role, choice, remove),
    update({ member: { role: now }, isSelf, rights, canRemove, client }) {
      face.update({ id, name, presence: isSelf ? undefined : presenceOf(client, id) })
      setText(seen, isSelf ? "" : standingText(client, id))
      const mayChange = rights.changeRoles && !isSelf
      role.hidden = mayChange
      setText(role, roles[now] ?? "")
      choice.hidden = !mayChange
      choice.value = now
      remove.hidden = isSelf || !canRemove
    }
  }
}

export const detailsView = ({ client, id, close }) => {
  const mine = (key) => (isOn) => client.setMine(id, { [key]: isOn })
  const muted = toggle("mute", "Mute", mine("muted"))
  const pinned = toggle("pin", "Pin", mine("pinned"))
  const archived = toggle("archive", "Archive", mine("archived"))
  const slow = h(
    "select",
    { onchange: () => client.configure(id, { slow_mode_seconds: Number(slow.value) }) },
    ...slowModes.map(({ seconds, words }) => h("option", { value: seconds }, words))
  )
  const slowLine = h("label", { class: "setting" }, h("span", { class: "grow" }, "Slow mode"), slow)
  const heading = h("h3", {})
  const members = h("ul", { class: "members", "aria-label": "Members" })
  const createMember = memberView({
    promote: (userId, role) => client.changeRole(id, userId, role),
    remove: (userId) => client.removeMember(id, userId)
  })
  const newcomer = h("select", { "aria-label": "Somebody to add" })
  const add = h(
    "form",
    {
      class: "new-person",
      onsubmit: (event) => {
        event.preventDefault()
        if (newcomer.value !== "") client.addMember(id, newcomer.value)
      }
    },
    newcomer,
    h("button", { type: "submit", class: "secondary" }, "Add to the group")
  )
  const leave = h(
    "button",
    {
      type: "button",
      class: "secondary danger",
      onclick: async () => {
        await client.leaveGroup(id)
        if (client.refusal === undefined) close()
      }
    },
    icon("leave"),
    "Leave the group"
  )
  const trouble = h("p", { class: "trouble", role: "alert" })
  const group = h("section", { class: "group-part" }, heading, members, add, leave)

  const updateNewcomers = (entry) => {
    const outside = people().filter((person) => !entry.memberIds.includes(person.id))
    const key = outside.map((person) => person.id).join()
    if (newcomer.dataset.people === key) return
    newcomer.dataset.people = key
    newcomer.replaceChildren(...outside.map((person) => h("option", { value: person.id }, person.name)))
  }

  return {
    id,
    element: h(
      "div",
      { class: "sheet-body details" },
      h("div", { class: "toggles" }, muted.element, pinned.element, archived.element),
      slowLine,
      group,
      trouble
    ),
    update() {
      const entry = client.inbox.entry(id)
      if (entry === undefined) return
      const rights = rightsIn(entry)
      muted.update(entry.mine.muted)
      pinned.update(entry.mine.pinned)
      archived.update(entry.mine.archived)
      group.hidden = entry.type !== "group"
      slowLine.hidden = group.hidden || !rights.configure
      slow.value = String(entry.settings.slow_mode_seconds)
      setText(heading, `${entry.members.length} members`)
      reconcile(
        members,
        entry.members.map((member) => ({
          member,
          isSelf: member.id === client.person.id,
          rights,
          canRemove: rights.remove(member),
          client
        })),
        ({ member }) => member.id,
        createMember
      )
      updateNewcomers(entry)
      add.hidden = !rights.addMembers || newcomer.options.length === 0
      setText(trouble, client.refusal === undefined ? "" : explain(client.refusal))
      trouble.hidden = client.refusal === undefined
    }
  }
}
