import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ConversationType, Role, State } from "../../src/domain/Conversation.ts"
import { type Audience, defaultSettings } from "../../src/domain/ConversationSettings.ts"
import type { UserId } from "../../src/domain/Ids.ts"
import { type Action, authorize, authorizeOver, rules, toMarkdownTable } from "../../src/domain/Policy.ts"
import { memberOf, stateOf } from "../contract/States.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId
const [alice, bob, stranger] = [user(1), user(2), user(3)]

interface Situation {
  readonly type: ConversationType
  readonly isActive: boolean
  readonly audience: Audience
  readonly mine: Role
  readonly theirs: Role
}

const situated = ({ audience, isActive, mine, theirs, type }: Situation): State =>
  stateOf([memberOf(alice, { role: mine }), memberOf(bob, { role: theirs })], {
    type,
    isActive,
    settings: {
      ...defaultSettings,
      who_may_post: audience,
      who_may_add_members: audience,
      who_may_pin: audience
    }
  })

const roles: ReadonlyArray<Role> = ["owner", "admin", "member"]

const situations: ReadonlyArray<Situation> = (["direct", "group"] as const).flatMap((type) =>
  [true, false].flatMap((isActive) =>
    (["everyone", "admins"] as const).flatMap((audience) =>
      roles.flatMap((mine) => roles.map((theirs) => ({ type, isActive, audience, mine, theirs })))
    )
  )
)

const answer = (result: Result.Result<unknown, { readonly _tag: string; readonly rule?: string }>): string =>
  Result.isFailure(result) ? (result.failure.rule ?? result.failure._tag) : "allowed"

/** What each role may in a group, said once more and in another way: a letter for each role that may. */
const inGroup: Readonly<Record<Action, string>> = {
  read: "oam",
  send: "setting:who_may_post",
  change: "oam",
  moderate: "oa",
  pin: "setting:who_may_pin",
  skip_slow_mode: "oa",
  update: "oa",
  configure: "oa",
  add_member: "setting:who_may_add_members",
  grant_role: "o",
  remove_member: "oa",
  change_role: "o",
  transfer: "o",
  leave: "oam",
  clear: "oam",
  close: "o"
}

const notInDirect: ReadonlyArray<Action> = [
  "moderate",
  "add_member",
  "grant_role",
  "remove_member",
  "change_role",
  "transfer",
  "leave",
  "close"
]

const expected = (action: Action, { audience, isActive, mine, type }: Situation): string => {
  if (!isActive) return "NotMember"
  if (type === "direct") return notInDirect.includes(action) ? `direct:${action}` : "allowed"
  const who = inGroup[action]
  if (who.startsWith("setting:")) return audience === "everyone" || mine !== "member" ? "allowed" : who
  return who.includes(mine.slice(0, 1)) ? "allowed" : `role:${action}`
}

describe("Policy", () => {
  for (const action of Object.keys(rules) as ReadonlyArray<Action>) {
    it(`decides on ${action} by role, kind of conversation, settings and state`, () => {
      for (const situation of situations) {
        const state = situated(situation)
        const said = JSON.stringify(situation)
        assert.strictEqual(answer(authorize(state, alice, action)), expected(action, situation), said)
        assert.strictEqual(answer(authorize(state, stranger, action)), "NotMember", said)
      }
    })
  }

  it("lets nobody act on a member of their own role or a higher one", () => {
    const order: ReadonlyArray<Role> = ["member", "admin", "owner"]
    for (const action of ["remove_member", "change_role", "transfer"] as const)
      for (const situation of situations) {
        const state = situated(situation)
        const allowed = expected(action, situation)
        const isLower = order.indexOf(situation.theirs) < order.indexOf(situation.mine)
        const wanted = allowed === "allowed" && !isLower ? "role:lower_only" : allowed
        assert.strictEqual(answer(authorizeOver(state, alice, action, bob)), wanted)
        const absent = allowed === "allowed" ? "NotFound" : allowed
        assert.strictEqual(answer(authorizeOver(state, alice, action, stranger)), absent)
      }
  })

  it("stands in docs/permissions.md as it is", () => {
    const page = readFileSync(new URL("../../docs/permissions.md", import.meta.url), "utf8")
    assert.include(page, toMarkdownTable())
  })
})
