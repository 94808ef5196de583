/**
 * Who may do what in a conversation: one table, and one function that reads it. Every edge and every actor decides by
 * it; docs/permissions.md is printed from it. Pure.
 */
import { Result } from "effect"
import type { ConversationType, Member, Role, State } from "./Conversation.ts"
import type { Audience, ConversationSettings } from "./ConversationSettings.ts"
import { Forbidden, NotFound, NotMember } from "./Errors.ts"
import type { UserId } from "./Ids.ts"

/** The settings that say who may. */
type AudienceSetting = {
  [K in keyof ConversationSettings]: ConversationSettings[K] extends Audience ? K : never
}[keyof ConversationSettings]

/** The lowest role that may, or nobody at all; in a group a setting may decide it instead. */
interface Rule {
  readonly what: string
  readonly direct: Role | "nobody"
  readonly group: Role | { readonly setting: AudienceSetting }
  /** Only towards members of a lower role than one's own. */
  readonly overLower?: true
}

/** In a direct conversation both members are owners. */
export const rules = {
  read: { what: "see the conversation, its members and its messages", direct: "member", group: "member" },
  send: { what: "send messages, type", direct: "member", group: { setting: "who_may_post" } },
  change: {
    what: "react; edit, attach to and delete one's own messages; delete any for oneself",
    direct: "member",
    group: "member"
  },
  moderate: { what: "delete other people's messages for everyone", direct: "nobody", group: "admin" },
  pin: { what: "pin and unpin messages", direct: "member", group: { setting: "who_may_pin" } },
  skip_slow_mode: { what: "send without waiting in slow mode", direct: "member", group: "admin" },
  update: { what: "change the conversation's metadata", direct: "member", group: "admin" },
  configure: { what: "change the conversation's settings", direct: "member", group: "admin" },
  add_member: { what: "add members", direct: "nobody", group: { setting: "who_may_add_members" } },
  grant_role: { what: "add members as admins", direct: "nobody", group: "owner" },
  remove_member: {
    what: "remove members of a lower role",
    direct: "nobody",
    group: "admin",
    overLower: true
  },
  change_role: {
    what: "make members admins, and admins members",
    direct: "nobody",
    group: "owner",
    overLower: true
  },
  transfer: {
    what: "make another member the owner, and oneself an admin",
    direct: "nobody",
    group: "owner",
    overLower: true
  },
  leave: { what: "leave", direct: "nobody", group: "member" },
  clear: { what: "delete the conversation for oneself", direct: "member", group: "member" },
  close: { what: "delete the conversation for everyone", direct: "nobody", group: "owner" }
} satisfies Readonly<Record<string, Rule>>

export type Action = keyof typeof rules

const table: Readonly<Record<Action, Rule>> = rules

const rank: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 }

const lowest: Readonly<Record<Audience, Role>> = { everyone: "member", admins: "admin" }

/** The rule that forbids it to a role, as a client is told; `undefined` when it is allowed. */
export const forbids = (
  role: Role,
  action: Action,
  type: ConversationType,
  settings: ConversationSettings
): string | undefined => {
  const { direct, group } = table[action]
  if (type === "direct") {
    if (direct === "nobody") return `direct:${action}`
    return rank[role] >= rank[direct] ? undefined : `role:${action}`
  }
  if (typeof group === "string") return rank[role] >= rank[group] ? undefined : `role:${action}`
  return rank[role] >= rank[lowest[settings[group.setting]]] ? undefined : `setting:${group.setting}`
}

/** Whether a member may, without a word why not. */
export const may = (state: State, { role }: Member, action: Action): boolean =>
  forbids(role, action, state.type, state.settings) === undefined

/**
 * Whether `userId` may do `action` now. To a stranger the answer does not tell whether the conversation exists; and
 * one that was deleted is to everybody as if it had never been.
 */
export const authorize = (
  state: State,
  userId: UserId,
  action: Action
): Result.Result<Member, NotMember | Forbidden> => {
  const member = state.isActive ? state.members.get(userId) : undefined
  if (member === undefined) return Result.fail(new NotMember())
  const rule = forbids(member.role, action, state.type, state.settings)
  return rule === undefined ? Result.succeed(member) : Result.fail(new Forbidden({ rule }))
}

/** Whether `userId` may do `action` to another member; answers that one. */
export const authorizeOver = (
  state: State,
  userId: UserId,
  action: Action,
  targetId: UserId
): Result.Result<Member, NotMember | Forbidden | NotFound> => {
  const allowed = authorize(state, userId, action)
  if (Result.isFailure(allowed)) return allowed
  const target = state.members.get(targetId)
  if (target === undefined) return Result.fail(new NotFound({ what: "member" }))
  return table[action].overLower && rank[target.role] >= rank[allowed.success.role]
    ? Result.fail(new Forbidden({ rule: "role:lower_only" }))
    : Result.succeed(target)
}

/**
 * Whether a peer service may do `action` now. It needs no role, since it speaks for what was decided elsewhere; but it
 * cannot do what nobody can.
 */
export const authorizePeer = (state: State, action: Action): Result.Result<void, NotMember | Forbidden> => {
  if (!state.isActive) return Result.fail(new NotMember())
  if (state.type === "direct" && table[action].direct === "nobody") {
    return Result.fail(new Forbidden({ rule: `direct:${action}` }))
  }
  return Result.succeed(undefined)
}

/** Whether a peer service may do `action` to a member; answers that one. */
export const authorizePeerOver = (
  state: State,
  action: Action,
  targetId: UserId
): Result.Result<Member, NotMember | Forbidden | NotFound> => {
  const target = state.members.get(targetId)
  return Result.flatMap(authorizePeer(state, action), () =>
    target === undefined ? Result.fail(new NotFound({ what: "member" })) : Result.succeed(target)
  )
}

const describe = (rule: Rule["direct"] | Rule["group"]): string => {
  if (typeof rule === "object") return `by \`${rule.setting}\``
  return { nobody: "nobody", member: "all members", admin: "owner, admins", owner: "owner" }[rule]
}

/** The table, for people. */
export const toMarkdownTable = (): string =>
  [
    "| action | what | in a group | in a direct conversation |",
    "|---|---|---|---|",
    ...Object.entries<Rule>(table).map(
      ([action, { direct, group, what }]) =>
        `| \`${action}\` | ${what} | ${describe(group)} | ${direct === "member" ? "both" : describe(direct)} |`
    )
  ].join("\n")
