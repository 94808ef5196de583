/**
 * Who may do what in a conversation, so that the page offers nobody what would be refused. The service decides; this
 * is the part of its table (docs/permissions.md) that the page has buttons for.
 */
const RANK = { member: 0, admin: 1, owner: 2 }

const leads = ({ role }) => RANK[role] > RANK.member
const isOpen = (entry, setting) => leads(entry) || entry.settings?.[setting] === "everyone"

/** `entry` is one of the inbox: its `type`, `settings`, and one's own `role`. */
export const rightsIn = (entry) => {
  const isGroup = entry.type === "group"
  return {
    post: !isGroup || leads(entry) || entry.settings?.who_may_post !== "admins",
    pin: !isGroup || isOpen(entry, "who_may_pin"),
    moderate: isGroup && leads(entry),
    configure: !isGroup || leads(entry),
    addMembers: isGroup && isOpen(entry, "who_may_add_members"),
    changeRoles: isGroup && entry.role === "owner",
    remove: (member) => isGroup && leads(entry) && RANK[member.role] < RANK[entry.role]
  }
}
