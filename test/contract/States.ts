/** The state of a conversation as its actor has it, in memory alone: a new group, but for what a test says. */
import type { Member, State } from "../../src/domain/Conversation.ts"
import { defaultMemberSettings, defaultSettings } from "../../src/domain/ConversationSettings.ts"
import type { UserId } from "../../src/domain/Ids.ts"
import { conversationId } from "./Fixtures.ts"

export const memberOf = (userId: UserId, fields: Partial<Member> = {}): Member => ({
  userId,
  role: "member",
  joinedAt: 0,
  joinedSeq: 0,
  lastReadSeq: 0,
  lastDeliveredSeq: 0,
  lastHiddenSeq: 0,
  clearedSeq: 0,
  settings: defaultMemberSettings,
  ...fields
})

export const stateOf = (
  members: ReadonlyArray<Member>,
  fields: Partial<Omit<State, "members">> = {}
): State => ({
  id: conversationId(),
  type: "group",
  externalGroupId: null,
  metadata: {},
  settings: defaultSettings,
  isActive: true,
  createdAt: 0,
  updatedAt: 0,
  lastSeq: 0,
  members: new Map(members.map((member) => [member.userId, member])),
  ...fields
})
