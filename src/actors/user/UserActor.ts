/**
 * The actor of one connected user, over all their sessions on this node. It follows the user's conversations, so
 * that a message in one that a socket has not joined still reaches that socket as a preview; and it ends a
 * removed member's channels at once.
 *
 * Gotcha: publications reach it as a subscriber, not through its mailbox, and only while a session has not joined
 * the conversation itself. A message to a thousand users would otherwise wake a thousand actors to find, for most of
 * them, nothing to do.
 */
import { Effect, type Exit, type Fiber, FiberSet, Schedule } from "effect"
import type { Unavailable } from "../../domain/Errors.ts"
import type { ConversationId, UserId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"
import { ConversationStore } from "../../domain/ports/ConversationStore.ts"
import * as Topic from "../../domain/Topic.ts"
import type { Behaviour, Self } from "../process/Behaviour.ts"
import { isAbnormal } from "../process/ExitReason.ts"
import type { ReplyTo } from "../process/ReplyTo.ts"
import type { Connected } from "../session/Connected.ts"
import type { SharedFrame } from "../topic/SharedFrame.ts"
import { type Subscriber, TopicHub } from "../topic/TopicHub.ts"

export type UserMessage =
  | { readonly _tag: "SessionOpened"; readonly session: Connected }
  | { readonly _tag: "SessionClosed"; readonly session: Connected }
  /** Answered when the user's conversations are followed for the first time. */
  | { readonly _tag: "Following"; readonly reply: ReplyTo<void, never> }
  | { readonly _tag: "Follow"; readonly conversationId: ConversationId }
  | { readonly _tag: "Unfollow"; readonly conversationId: ConversationId }

interface Services {
  readonly hub: TopicHub["Service"]
  readonly store: ConversationStore["Service"]
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** What is told over the user's channel of conversations that a socket has not joined. */
const PREVIEWS: ReadonlySet<string> = new Set([
  "new_message",
  "conversation_updated",
  "member_added",
  "members_added",
  "member_removed",
  "member_updated"
])

/** RFC 6455's close code for a server that met something unexpected. */
const INTERNAL_ERROR = 1011

const retryFollow = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered
)

class User implements Subscriber {
  readonly #userId: UserId
  readonly #topic: string
  readonly #services: Services
  readonly #self: Self<UserMessage>
  readonly #maxFollowed: number
  readonly #sessions = new Set<Connected>()
  /** The conversations' topics, and whether some session needs their previews. */
  readonly #followed = new Map<string, boolean>()
  /** Storage is to be asked, or asked again. */
  #mayDiffer = false
  /** While it is asked. Of tens of thousands of users nearly none is, so nobody waits for that in a fiber. */
  #asking: Fiber.Fiber<void> | undefined

  #isFollowing = false
  /** Whoever waits until the conversations are followed. */
  #waiting: Array<ReplyTo<void, never>> = []

  constructor(userId: UserId, services: Services, maxFollowed: number, self: Self<UserMessage>) {
    this.#userId = userId
    this.#topic = Topic.ofUser(userId)
    this.#services = services
    this.#maxFollowed = maxFollowed
    this.#self = self
    services.hub.subscribe(this.#topic, this)
    this.#ask()
  }

  deliver(publication: Publication, _frame: SharedFrame): void {
    if (publication.topic === this.#topic) return this.#own(publication)
    if (!this.#isPreview(publication)) return
    for (const session of this.#sessions) {
      if (this.#needsPreview(session, publication.topic)) session.preview(this.#topic, publication)
    }
  }

  /** What concerns oneself comes on one's own topic. */
  #isPreview({ event, payload }: Publication): boolean {
    if (!PREVIEWS.has(event)) return false
    if (!event.startsWith("member_")) return true
    return (
      (JSON.parse(payload) as { readonly user_id: UserId }).user_id !== this.#userId ||
      event === "member_updated"
    )
  }

  /** Changes of one's own memberships, wherever they were made. */
  #own(publication: Publication): void {
    switch (publication.event) {
      case "conversation_created": {
        const { id } = JSON.parse(publication.payload) as { readonly id: ConversationId }
        this.#self.castUnsafe({ _tag: "Follow", conversationId: id })
        return
      }
      case "member_added":
      case "member_removed":
      case "conversation_deleted": {
        const { conversation_id: conversationId } = JSON.parse(publication.payload) as {
          readonly conversation_id: ConversationId
        }
        this.#self.castUnsafe({
          _tag: publication.event === "member_added" ? "Follow" : "Unfollow",
          conversationId
        })
      }
    }
  }

  handle(message: UserMessage): void {
    switch (message._tag) {
      case "SessionOpened":
        // It may have gone while this actor was being started.
        if (!message.session.hasEnded) this.#add(message.session)
        else if (this.#sessions.size === 0) this.#self.stop()
        return
      case "SessionClosed":
        this.#sessions.delete(message.session)
        if (this.#sessions.size === 0) this.#self.stop()
        else this.#reconsiderAll()
        return
      case "Following":
        if (this.#isFollowing) message.reply.succeed(undefined)
        else this.#waiting.push(message.reply)
        // The session that asked may have gone.
        if (this.#sessions.size === 0) this.#self.stop()
        return
      case "Follow":
        return this.#follow(message.conversationId)
      case "Unfollow":
        return this.#unfollow(Topic.ofConversation(message.conversationId))
    }
  }

  #unfollow(topic: string): void {
    if (this.#followed.get(topic) === true) this.#services.hub.unsubscribe(topic, this)
    this.#followed.delete(topic)
    for (const session of this.#sessions) session.kick(topic)
  }

  #follow(id: ConversationId): void {
    const topic = Topic.ofConversation(id)
    if (this.#followed.size >= this.#maxFollowed || this.#followed.has(topic)) return
    this.#followed.set(topic, false)
    this.#reconsider(topic)
  }

  #add(session: Connected): void {
    this.#sessions.add(session)
    session.onJoinsChanged((topic) => {
      if (topic === this.#topic) this.#reconsiderAll()
      else if (this.#followed.has(topic)) this.#reconsider(topic)
    })
    this.#reconsiderAll()
  }

  /** A session gets previews over its user channel, of conversations that it has not joined. */
  #needsPreview(session: Connected, topic: string): boolean {
    return session.hasJoined(this.#topic) && !session.hasJoined(topic)
  }

  #reconsider(topic: string): void {
    const isSubscribed = this.#followed.get(topic)
    let isNeeded = false
    for (const session of this.#sessions) if (this.#needsPreview(session, topic)) isNeeded = true
    if (isNeeded === isSubscribed) return
    this.#followed.set(topic, isNeeded)
    if (isNeeded) this.#services.hub.subscribe(topic, this)
    else this.#services.hub.unsubscribe(topic, this)
  }

  #reconsiderAll(): void {
    for (const topic of this.#followed.keys()) this.#reconsider(topic)
  }

  /** Changes of memberships may have been missed. */
  inDoubt(topic: string): void {
    if (topic === this.#topic) this.#ask()
  }

  /** Beside the mailbox: a slow database delays previews, not sessions. */
  #ask(): void {
    this.#mayDiffer = true
    if (this.#asking !== undefined) return
    const asking = this.#services.run(this.#followUntilSame)
    this.#asking = asking
    asking.addObserver(() => {
      this.#asking = undefined
    })
  }

  get #followUntilSame(): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => this.#mayDiffer,
      body: () => Effect.ignore(Effect.retry(this.#followAll, retryFollow)),
      step: () => {}
    })
  }

  /** Makes what is followed what storage says. What was followed only while storage was being read stays. */
  get #followAll(): Effect.Effect<void, Unavailable> {
    return Effect.suspend(() => {
      this.#mayDiffer = false
      const known = Array.from(this.#followed.keys())
      return Effect.map(this.#services.store.idsOf(this.#userId), (ids) => {
        const topics = new Set(ids.map(Topic.ofConversation))
        for (const topic of known) if (!topics.has(topic)) this.#unfollow(topic)
        for (const id of ids) this.#follow(id)
        this.#isFollowing = true
        for (const reply of this.#waiting.splice(0)) reply.succeed(undefined)
      })
    })
  }

  /** After a crash the sessions are closed: their clients come back, resume, and find a new actor. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (isAbnormal(exit)) {
      for (const session of this.#sessions) session.outbox.close(INTERNAL_ERROR, "user actor crashed")
    }
    this.#asking?.interruptUnsafe()
    this.#services.hub.unsubscribe(this.#topic, this)
    for (const topic of this.#followed.keys()) this.#services.hub.unsubscribe(topic, this)
    this.#followed.clear()
  }
}

/** Builds the behaviour of any user's actor. */
export const make = Effect.fnUntraced(function* (options: { readonly maxFollowed: number }) {
  const services: Services = {
    hub: yield* TopicHub,
    store: yield* ConversationStore,
    run: yield* FiberSet.makeRuntime<never>()
  }
  return (userId: UserId): Behaviour<UserMessage, User> => ({
    init: (self) => {
      const user = new User(userId, services, options.maxFollowed, self)
      // Not in `terminate`, which a killed actor does not get to.
      self.onExit((exit) => user.end(exit))
      return user
    },
    handle: (message, user) => {
      user.handle(message)
      return user
    }
  })
})
