/**
 * A device as a careful client is written: what it knows of one conversation comes from join replies and events alone,
 * it rejoins with the number of the last event it has, and it asks again until it is answered.
 */
import { Effect } from "effect"
import type { Snapshot } from "../../src/actors/conversation/Conversations.ts"
import type { Message, Reaction } from "../../src/domain/Message.ts"
import type { RunningApp } from "../support/AppProcess.ts"
import type * as Chat from "../support/Chat.ts"
import * as PhoenixClient from "../support/PhoenixClient.ts"

type Writable = { -readonly [K in keyof Message]: Message[K] }

/** A change that is told without the message it is of. */
interface Small {
  readonly message_id: string
  readonly seq: number
  readonly user_id: Message["sender_id"]
  readonly reaction: string
}

export interface Told {
  readonly event: string
  readonly seq: number
  readonly payload: unknown
}

/** Reactions with an added or taken one, as a model of what the service does. */
export const reacted = (
  reactions: ReadonlyArray<Reaction>,
  reaction: string,
  userId: Message["sender_id"],
  isAdded: boolean
): ReadonlyArray<Reaction> => {
  const users = reactions.find((r) => r.reaction === reaction)?.user_ids ?? []
  const others = users.filter((user) => user !== userId)
  const now = { reaction, user_ids: isAdded ? [...others, userId] : others }
  const rest = reactions.filter((r) => r.reaction !== reaction)
  return now.user_ids.length === 0 ? rest : [...rest, now]
}

/** What `told` makes of the messages known so far. One that is not known is not learned of by a change. */
export const applyTo = (known: Map<string, Message>, { event, payload, seq }: Told): void => {
  if (event === "new_message" || event === "message_edited" || event === "message_deleted") {
    const message = payload as Message
    const before = known.get(message.id)
    if (event === "new_message" ? before === undefined : before !== undefined && before.version_seq < seq)
      known.set(message.id, message)
    return
  }
  const change = payload as Small
  const before = known.get(change.message_id)
  if (before === undefined || before.version_seq >= seq) return
  const after: Writable = { ...before, version_seq: seq }
  if (event === "message_pinned" || event === "message_unpinned") after.is_pinned = event === "message_pinned"
  else
    after.reactions = reacted(before.reactions, change.reaction, change.user_id, event === "reaction_added")
  known.set(after.id, after)
}

const EVENTS = [
  "new_message",
  "message_edited",
  "message_deleted",
  "reaction_added",
  "reaction_removed",
  "message_pinned",
  "message_unpinned"
]

const numberOf = (event: string, payload: unknown): number =>
  event.startsWith("message_edited") || event.startsWith("message_deleted")
    ? (payload as Message).version_seq
    : (payload as { readonly seq: number }).seq

export class Device {
  readonly name: string
  readonly person: Chat.Person
  readonly known = new Map<string, Message>()
  /** The last event it has. */
  position = 0
  resumes = 0
  /** Every durable event that came as one, and not within a join reply. */
  readonly log: Array<Told> = []
  /** What must not happen. */
  readonly faults: Array<string> = []
  /** What its person deleted for themselves. One that comes late, in a join reply under way, stays hidden. */
  readonly #hidden = new Set<string>()
  readonly #client: PhoenixClient.Client
  readonly #channel: ReturnType<PhoenixClient.Client["socket"]["channel"]>

  constructor(name: string, person: Chat.Person, client: PhoenixClient.Client, conversationId: string) {
    this.name = name
    this.person = person
    this.#client = client
    const own = client.socket.channel(`user:${person.user_id}`, {})
    own.on("message_hidden", (payload) => {
      const hidden = payload as { readonly conversation_id: string; readonly message_id: string }
      if (hidden.conversation_id === conversationId) this.hid(hidden.message_id)
    })
    own.join()
    this.#channel = client.socket.channel(`conversation:${conversationId}`, () => ({
      last_seq: this.position
    }))
    for (const event of EVENTS) this.#channel.on(event, (payload) => this.#told(event, payload))
    this.#channel.join().receive("ok", (reply) => this.#joined(reply as Snapshot))
  }

  #joined({ current_seq, has_more, hidden_ids, messages }: Snapshot): void {
    this.resumes++
    for (const message of messages) this.known.set(message.id, message)
    for (const id of [...hidden_ids, ...this.#hidden]) this.hid(id)
    if (has_more) this.faults.push(`${this.name} was not told all at its resume`)
    if (current_seq < this.position) this.faults.push(`${this.name} went back to ${current_seq}`)
    this.position = current_seq
  }

  #told(event: string, payload: unknown): void {
    const seq = numberOf(event, payload)
    if (seq !== this.position + 1) this.faults.push(`${this.name} got ${seq} after ${this.position}`)
    this.position = seq
    const told = { event, seq, payload }
    this.log.push(told)
    applyTo(this.known, told)
  }

  readonly drop = Effect.suspend(() => this.#client.drop)

  /** Forgets a message that its person deleted for themselves here. */
  hid(messageId: string): void {
    this.#hidden.add(messageId)
    this.known.delete(messageId)
  }

  /** Asks until there is an answer, whatever breaks meanwhile; how often it had to, is in `attempts`. */
  ask<A>(event: string, payload: object): Effect.Effect<Answer<A>> {
    return Effect.callback((resume) => {
      let attempts = 0
      const again = () => {
        attempts++
        this.#channel
          .push(event, payload, 1500)
          .receive("ok", (response) => resume(Effect.succeed({ attempts, response: response as A })))
          .receive("error", (refusal) => {
            const { reason } = refusal as { readonly reason: string }
            if (reason === "unavailable" || reason === "overloaded") again()
            else resume(Effect.succeed({ attempts, refused: reason }))
          })
          .receive("timeout", again)
      }
      again()
    })
  }
}

export interface Answer<A> {
  readonly attempts: number
  readonly response?: A
  readonly refused?: string
}

/** Connects, and comes back at once whenever the connection breaks. */
export const device = (app: RunningApp, name: string, person: Chat.Person, conversationId: string) =>
  PhoenixClient.connect({
    url: app.wsUrl,
    params: { token: person.token },
    reconnectAfterMs: () => 10,
    rejoinAfterMs: () => 10
  }).pipe(Effect.map((client) => new Device(name, person, client, conversationId)))
