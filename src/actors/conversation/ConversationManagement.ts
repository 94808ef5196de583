/**
 * What the owner, the admins and the members themselves do to a conversation, other than talking in it: who is in it
 * and as what, its settings and everyone's own, its end. A part of the conversation's actor. Each of these waits for
 * its commit, and the actor with it: they are rare, and each is decided by what the one before has left.
 */
import { Effect, Result } from "effect"
import {
  type ConversationView,
  MAX_MEMBERS,
  type Member,
  memberOf,
  memberView,
  type Role,
  type State,
  view
} from "../../domain/Conversation.ts"
import { completed } from "../../domain/ConversationSettings.ts"
import {
  Conflict,
  Forbidden,
  InvalidInput,
  type NotFound,
  NotMember,
  type Unavailable
} from "../../domain/Errors.ts"
import type { UserId } from "../../domain/Ids.ts"
import type { Metadata } from "../../domain/Message.ts"
import { authorize, authorizeOver, authorizePeer, authorizePeerOver } from "../../domain/Policy.ts"
import type { AuditAction, AuditDetails, AuditLog } from "../../domain/ports/AuditLog.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import type { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import * as Topic from "../../domain/Topic.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import type { Command } from "./ConversationCommands.ts"
import * as Events from "./ConversationEvents.ts"
import { tagOf } from "./ConversationTag.ts"

/** Of more members at once, the others are told how many there are, not who. */
const MAX_TOLD = 20

export interface Managed {
  state: State
  readonly store: ConversationStore["Service"]
  readonly audit: AuditLog["Service"]
  tell(publication: Publication): void
  /** The state may be old: it is loaded again before the next command. */
  inDoubt(): void
  /** Somebody is a member no more. */
  gone(userId: UserId): void
}

type Named<T extends Command["_tag"]> = Extract<Command, { readonly _tag: T }>

export type ManagementCommand = Named<
  | "AddMembers"
  | "RemoveMember"
  | "ChangeRole"
  | "Update"
  | "Merge"
  | "Configure"
  | "Prefer"
  | "Clear"
  | "Close"
>

const tooMany = new InvalidInput({
  issues: [{ path: "user_ids", message: `A conversation has at most ${MAX_MEMBERS} members` }]
})

const outdated = new Conflict({ what: "the members have changed meanwhile" })

export class Management {
  readonly #of: Managed

  constructor(conversation: Managed) {
    this.#of = conversation
  }

  handle(command: ManagementCommand): Effect.Effect<void> | void {
    switch (command._tag) {
      case "AddMembers":
        return this.#add(command)
      case "RemoveMember":
        return this.#remove(command)
      case "ChangeRole":
        return this.#changeRole(command)
      case "Update":
        return this.#update(command)
      case "Merge":
        return this.#merge(command)
      case "Configure":
        return this.#configure(command)
      case "Prefer":
        return this.#prefer(command)
      case "Clear":
        return this.#clear(command)
      case "Close":
        return this.#close(command)
    }
  }

  #mayAdd({ authority, by, role }: Named<"AddMembers">): Result.Result<unknown, NotMember | Forbidden> {
    const { state } = this.#of
    if (authority === "peer") return authorizePeer(state, "add_member")
    const allowed = authorize(state, by, "add_member")
    if (role === "member" || Result.isFailure(allowed)) return allowed
    return authorize(state, by, "grant_role")
  }

  #add(command: Named<"AddMembers">): Effect.Effect<void> | void {
    const { at, authority, by, reply, role, userIds } = command
    const { state, store } = this.#of
    const allowed = this.#mayAdd(command)
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    const fresh = userIds.filter((userId) => !state.members.has(userId))
    if (state.members.size + fresh.length > MAX_MEMBERS) {
      // What a peer tells of is right in itself; there is no room for it.
      return void reply.fail(authority === "peer" ? new Forbidden({ rule: "members:full" }) : tooMany)
    }
    if (fresh.length === 0) return void reply.succeed([])
    return this.#commit(reply, store.addMembers(state.id, fresh, role, at), (added) => {
      for (const member of added) state.members.set(member.userId, member)
      this.#tellAdded(added, by)
      // A peer's doing is on record with the peer's name, by who speaks for it.
      if (authority === "member") this.#note("member.added", by, added, { count: added.length, role })
      return added.map(memberView)
    })
  }

  #tellAdded(added: ReadonlyArray<Member>, by: UserId): void {
    const { id } = this.#of.state
    const topic = Topic.ofConversation(id)
    if (added.length > MAX_TOLD) this.#of.tell(Events.membersAdded(id, added.length, by))
    for (const member of added) {
      if (added.length <= MAX_TOLD) this.#of.tell(Events.memberAdded(topic, id, member, by))
      this.#of.tell(Events.memberAdded(Topic.ofUser(member.userId), id, member, by))
    }
  }

  #mayRemove({ authority, by, userId }: Named<"RemoveMember">) {
    const { state } = this.#of
    if (authority === "peer") return authorizePeerOver(state, "remove_member", userId)
    return by === userId ? authorize(state, by, "leave") : authorizeOver(state, by, "remove_member", userId)
  }

  #remove(command: Named<"RemoveMember">): Effect.Effect<void> | void {
    const { at, authority, by, reply, userId } = command
    const { state, store } = this.#of
    const allowed = this.#mayRemove(command)
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    const { id } = state
    return this.#commit(
      reply,
      store.removeMember(id, authority === "peer" ? null : by, userId, allowed.success.role),
      ({ closed, heir, removed }) => {
        if (!removed) return outdated
        this.#of.gone(userId)
        state.members.delete(userId)
        this.#of.tell(Events.memberRemoved(Topic.ofConversation(id), id, userId, by))
        this.#of.tell(Events.memberRemoved(Topic.ofUser(userId), id, userId, by))
        this.#of.tell(Events.watchDoubted(userId))
        if (authority === "member") this.#note("member.removed", by, [{ userId }])
        if (heir !== null) this.#hasRole(heir, "owner", by)
        if (closed) this.#closed(by, at)
        return undefined
      }
    )
  }

  #changeRole({ by, reply, role, userId }: Named<"ChangeRole">): Effect.Effect<void> | void {
    const { state, store } = this.#of
    const known = authorize(state, by, "read")
    if (Result.isFailure(known)) return void reply.fail(known.failure)
    // Asked for a second time there is nothing left to do, also after a transfer.
    const already = state.members.get(userId)
    if (already?.role === role) return void reply.succeed(memberView(already))
    const allowed = authorizeOver(state, by, role === "owner" ? "transfer" : "change_role", userId)
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    return this.#commit(reply, store.changeRole(state.id, by, userId, role), (done) => {
      if (!done) return outdated
      if (role === "owner") this.#hasRole(by, "admin", by)
      this.#hasRole(userId, role, by)
      return memberView({ ...allowed.success, role })
    })
  }

  #hasRole(userId: UserId, role: Role, by: UserId): void {
    const { state } = this.#of
    const member = state.members.get(userId)
    // Somebody of whom this actor has not heard: another owner has added them.
    if (member === undefined) return this.#of.inDoubt()
    const changed = { ...member, role }
    state.members.set(userId, changed)
    this.#of.tell(Events.memberUpdated(state.id, changed, by))
    this.#note("member.role_changed", by, [{ userId }], { role })
  }

  #update({ at, by, expected, metadata, reply }: Named<"Update">): Effect.Effect<void> | void {
    const { state } = this.#of
    const allowed = authorize(state, by, "update")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    if (this.#isOther(expected))
      return void reply.fail(new Conflict({ what: "the conversation has changed" }))
    return this.#setMetadata(metadata, at, reply, (updated) => updated)
  }

  #merge({ at, metadata, reply }: Named<"Merge">): Effect.Effect<void> | void {
    const { isActive, metadata: known } = this.#of.state
    if (!isActive) return void reply.fail(new NotMember())
    // Told once more nothing is new: nobody is told, and the conversation does not move up in anybody's list.
    if (Object.entries(metadata).every(([name, value]) => known[name] === value))
      return void reply.succeed(false)
    return this.#setMetadata({ ...known, ...metadata }, at, reply, () => true)
  }

  #setMetadata<A>(
    metadata: Metadata,
    at: number,
    reply: ReplyTo<A, Conflict | NotMember | Unavailable>,
    answer: (updated: ConversationView) => A
  ): Effect.Effect<void> {
    return this.#commit(reply, this.#of.store.update(this.#of.state.id, metadata, at), () => {
      this.#of.state = { ...this.#of.state, metadata, updatedAt: at }
      return answer(this.#tellUpdated())
    })
  }

  #configure({ by, expected, reply, settings }: Named<"Configure">): Effect.Effect<void> | void {
    const { state, store } = this.#of
    const allowed = authorize(state, by, "configure")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    if (this.#isOther(expected))
      return void reply.fail(new Conflict({ what: "the conversation has changed" }))
    return this.#commit(reply, store.configure(state.id, settings), () => {
      this.#of.state = { ...this.#of.state, settings: { ...this.#of.state.settings, ...settings } }
      // Who has sent when, in slow mode, is read again.
      if (settings.slow_mode_seconds !== undefined) this.#of.inDoubt()
      return this.#tellUpdated()
    })
  }

  #isOther(expected: string | null): boolean {
    return expected !== null && expected !== tagOf(view(this.#of.state))
  }

  #tellUpdated() {
    const conversation = view(this.#of.state)
    this.#of.tell(Events.conversationUpdated(Topic.ofConversation(conversation.id), conversation))
    return conversation
  }

  #prefer({ caller, reply, settings }: Named<"Prefer">): Effect.Effect<void> | void {
    const { state, store } = this.#of
    const { userId } = caller.identity
    const found = memberOf(state, userId)
    if (Result.isFailure(found)) return void reply.fail(found.failure)
    const set = completed(settings)
    return this.#commit(reply, store.prefer(state.id, userId, set), () => {
      const changed = { ...found.success, settings: { ...found.success.settings, ...set } }
      state.members.set(userId, changed)
      this.#of.tell(Events.memberChanged(state.id))
      this.#of.tell(
        Events.ownSettingsUpdated(userId, view(this.#of.state), changed.settings, caller.sessionId)
      )
      return changed.settings
    })
  }

  #clear({ caller, reply }: Named<"Clear">): Effect.Effect<void> | void {
    const { state, store } = this.#of
    const { userId } = caller.identity
    const allowed = authorize(state, userId, "clear")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    return this.#commit(reply, store.clear(state.id, userId), (clearedSeq) => {
      state.members.set(userId, { ...allowed.success, clearedSeq, lastHiddenSeq: clearedSeq })
      this.#of.tell(Events.memberChanged(state.id))
      this.#of.tell(Events.conversationCleared(userId, state.id, clearedSeq, caller.sessionId))
      return undefined
    })
  }

  #close({ at, by, reply }: Named<"Close">): Effect.Effect<void> | void {
    const { state, store } = this.#of
    const allowed = authorize(state, by, "close")
    if (Result.isFailure(allowed)) return void reply.fail(allowed.failure)
    return this.#commit(reply, store.close(state.id, by, at), (done) => {
      if (!done) return outdated
      this.#closed(by, at)
      return undefined
    })
  }

  #closed(by: UserId, at: number): void {
    const { state } = this.#of
    this.#of.state = { ...state, isActive: false, updatedAt: at }
    this.#of.tell(Events.conversationDeleted(Topic.ofConversation(state.id), state.id, by))
    for (const userId of state.members.keys())
      this.#of.tell(Events.conversationDeleted(Topic.ofUser(userId), state.id, by))
    this.#note("conversation.deleted", by, [])
  }

  #note(
    action: AuditAction,
    actor: UserId,
    users: ReadonlyArray<{ readonly userId: UserId }>,
    details?: AuditDetails
  ): void {
    const targets = [
      { type: "conversation" as const, id: this.#of.state.id as string },
      ...users.slice(0, MAX_TOLD).map(({ userId }) => ({ type: "user" as const, id: userId as string }))
    ]
    this.#of.audit.note({ action, actor, targets, outcome: "done", ...(details && { details }) })
  }

  /** Waits for storage, then does the rest; what storage knows otherwise is loaded again. */
  #commit<S, A>(
    reply: ReplyTo<A, Conflict | NotMember | Unavailable>,
    work: Effect.Effect<S, NotFound | Unavailable>,
    done: (stored: S) => A | Conflict
  ): Effect.Effect<void> {
    return Effect.match(work, {
      onFailure: (error) => {
        this.#of.inDoubt()
        // It was deleted meanwhile.
        void reply.fail(error._tag === "NotFound" ? new NotMember() : error)
      },
      onSuccess: (stored) => {
        const answer = done(stored)
        if (!(answer instanceof Conflict)) return void reply.succeed(answer)
        this.#of.inDoubt()
        void reply.fail(answer)
      }
    })
  }
}
