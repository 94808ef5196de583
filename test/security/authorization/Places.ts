/**
 * Who tries, and where: people of every kind, and conversations in every state with each of them in their part. Members who
 * are in the way of nobody (`spare`) are there to be removed, promoted and owners.
 */
import { Effect } from "effect"
import type { ConversationType, Role } from "../../../src/domain/Conversation.ts"
import {
  type Audience,
  type ConversationSettings,
  defaultSettings
} from "../../../src/domain/ConversationSettings.ts"
import type { RestClient } from "../../support/RestClient.ts"

/** `blocked` is a member, and may do nothing for a while that counts; `service` calls by its own authority. */
export const actorNames = [
  "blocked",
  "member",
  "admin",
  "owner",
  "removed",
  "stranger",
  "nobody",
  "service"
] as const
export type ActorName = (typeof actorNames)[number]

export interface Actor {
  readonly name: ActorName
  readonly userId: string
  /** Empty for nobody. */
  readonly token: string
  readonly rest: RestClient
}

export type Actors = Readonly<Record<ActorName, Actor>>

export interface Place {
  readonly state: string
  readonly id: string
  readonly type: ConversationType
  readonly settings: ConversationSettings
  readonly isDeleted: boolean
  readonly roles: Readonly<Partial<Record<ActorName, Role>>>
  /** A message of the actor's own, or where they have none, of somebody who has. */
  readonly ownMessage: (actor: Actor) => string
  /** A message of somebody else. */
  readonly othersMessage: (actor: Actor) => string
  /** Another member, whom nobody has used yet where there are many. */
  readonly spare: (actor: Actor) => string
}

interface Sent {
  readonly id: string
}

const members: ReadonlyArray<ActorName> = ["owner", "admin", "member", "blocked", "removed"]

const SPARE = 40

let random = 0
export const clientRandom = (): number => random++

const send = ({ rest }: Actor, id: string) =>
  Effect.map(
    rest.ok<Sent>("POST", `/api/v1/conversations/${id}/messages`, {
      content: "hello",
      client_random: clientRandom()
    }),
    (sent) => sent.id
  )

/** Has begun to write, and sent something. */
const write = (actor: Actor, id: string) =>
  Effect.andThen(
    actor.rest.ok("PUT", `/api/v1/conversations/${id}/draft`, { content: "begun" }),
    send(actor, id)
  )

/** The messages of a place by who sent them, and who is asked for which. */
const messagesOf = (byActor: ReadonlyMap<ActorName, string>) => {
  const first = byActor.values().next().value!
  return {
    ownMessage: ({ name }: Actor) => byActor.get(name) ?? first,
    othersMessage: ({ name }: Actor) => {
      // That of who is no longer there comes first: it is nobody's own.
      const [, id] = [...byActor].reverse().find(([author]) => author !== name) ?? []
      return id ?? first
    }
  }
}

const audience = (who: Audience) => ({ who_may_post: who, who_may_add_members: who, who_may_pin: who })

/** Lets somebody who is blocked do something all the same. */
export type Unblocked = <A, E, R>(actor: Actor, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface World {
  readonly actors: Actors
  readonly unblocked: Unblocked
}

const group = Effect.fnUntraced(function* ({ actors, unblocked }: World, state: string, who: Audience) {
  const { admin, owner, removed } = actors
  const spare = Array.from({ length: SPARE }, () => crypto.randomUUID())
  const { id } = yield* owner.rest.ok<Sent>("POST", "/api/v1/conversations", {
    type: "group",
    member_ids: [...members.map((name) => actors[name].userId), ...spare]
  })
  const path = `/api/v1/conversations/${id}`
  const byActor = new Map<ActorName, string>()
  for (const name of members) byActor.set(name, yield* unblocked(actors[name], write(actors[name], id)))
  yield* owner.rest.ok("PATCH", `${path}/members/${admin.userId}`, { role: "admin" })
  yield* owner.rest.ok("DELETE", `${path}/members/${removed.userId}`)
  yield* owner.rest.ok("PATCH", `${path}/settings`, audience(who))
  let used = 0
  return {
    state,
    id,
    type: "group",
    settings: { ...defaultSettings, ...audience(who) },
    isDeleted: false,
    roles: { owner: "owner", admin: "admin", member: "member", blocked: "member" },
    ...messagesOf(byActor),
    spare: () => spare[used++]!
  } satisfies Place
})

export const openGroup = (world: World) => group(world, "open group", "everyone")
export const closedGroup = (world: World) => group(world, "closed group", "admins")

export const deletedGroup = Effect.fnUntraced(function* (world: World) {
  const place = yield* group(world, "deleted group", "everyone")
  yield* world.actors.owner.rest.ok("DELETE", `/api/v1/conversations/${place.id}`)
  return { ...place, isDeleted: true, roles: {} } satisfies Place
})

/** Of the owner and the member, who both own it; it is one for ever, and so is what is spent in it. */
export const direct = Effect.fnUntraced(function* ({ actors }: World, other: Actor) {
  const { owner } = actors
  const { id } = yield* owner.rest.ok<Sent>("POST", "/api/v1/conversations", {
    type: "direct",
    member_ids: [other.userId]
  })
  const byActor = new Map<ActorName, string>()
  for (const actor of [owner, other]) byActor.set(actor.name, yield* send(actor, id))
  return {
    state: "direct",
    id,
    type: "direct",
    settings: defaultSettings,
    isDeleted: false,
    roles: { owner: "owner", [other.name]: "owner" },
    ...messagesOf(byActor),
    spare: ({ name }) => (name === "owner" ? other : owner).userId
  } satisfies Place
})

/** One that nobody ever made. */
export const nowhere = (like: Place): Place => {
  const nothing = crypto.randomUUID()
  return {
    ...like,
    id: crypto.randomUUID(),
    roles: {},
    ownMessage: () => nothing,
    othersMessage: () => nothing
  }
}
