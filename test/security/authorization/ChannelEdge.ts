/** The channel of a conversation: its join, and every event that a member may push. */
import { Effect, type Scope } from "effect"
import type { Action } from "../../../src/domain/Policy.ts"
import { conversationEvents } from "../../../src/domain/protocol/ChannelEvents.ts"
import * as PhoenixClient from "../../support/PhoenixClient.ts"
import type { Call, Edge, Outcome } from "./Edge.ts"
import type { Unblocked } from "./Places.ts"
import { type Actor, clientRandom, type Place } from "./Places.ts"

interface Refused {
  readonly reason: string
  readonly rule?: string
}

const wordsOf = (response: unknown): Outcome => {
  const { reason, rule } = response as Refused
  return rule === undefined ? reason : `${reason} ${rule}`
}

/** Connects and joins each of them once; who may not connect or join is answered so. */
const joining = (wsUrl: string) => {
  const clients = new Map<string, PhoenixClient.Client>()
  const channels = new Map<string, PhoenixClient.ClientChannel<unknown>>()

  const connect = ({ token }: Actor) =>
    PhoenixClient.connect({ url: wsUrl, params: token === "" ? {} : { token } })

  const clientOf = Effect.fnUntraced(function* (actor: Actor) {
    const known = clients.get(actor.userId)
    if (known !== undefined) return known
    const client = yield* connect(actor)
    clients.set(actor.userId, client)
    return client
  })

  const join = Effect.fnUntraced(function* (actor: Actor, place: Place) {
    const key = `${actor.userId} ${place.id}`
    const known = channels.get(key)
    if (known !== undefined) return known
    const channel = yield* (yield* clientOf(actor)).join(`conversation:${place.id}`)
    channels.set(key, channel)
    return channel
  })

  return { connect, join }
}

export const make = (wsUrl: string, unblocked: Unblocked): Edge => {
  const { connect, join } = joining(wsUrl)

  const refusals = <A>(work: Effect.Effect<A, unknown, Scope.Scope>) =>
    Effect.match(work, {
      onSuccess: (): Outcome => "ok",
      onFailure: (error): Outcome => {
        if (error instanceof PhoenixClient.ConnectRefused) return wordsOf(JSON.parse(error.body))
        return wordsOf((error as { readonly response: unknown }).response)
      }
    })

  const event = (
    action: Action,
    name: string,
    payload: (actor: Actor, place: Place) => object = () => ({}),
    more: Partial<Pick<Call, "limited" | "refusal" | "isSpending">> = {}
  ): Call => ({
    name,
    action,
    ...more,
    perform: (actor, place) =>
      refusals(
        Effect.gen(function* () {
          const channel = yield* unblocked(actor, join(actor, place))
          yield* channel.push(name, payload(actor, place))
        })
      )
  })

  const own = (actor: Actor, place: Place) => ({ message_id: place.ownMessage(actor) })
  const others = (actor: Actor, place: Place) => ({ message_id: place.othersMessage(actor) })
  const limited = { limited: "as a member" } as const
  const spending = { isSpending: true } as const

  const calls: ReadonlyArray<Call> = [
    {
      name: "phx_join",
      action: "read",
      limited: "at once",
      perform: (actor, place) =>
        refusals(
          Effect.gen(function* () {
            const client = yield* unblocked(actor, connect(actor))
            yield* client.join(`conversation:${place.id}`)
          })
        )
    },
    event("read", "history"),
    event("read", "mark_as_read", () => ({ seq: 1 })),
    event("read", "message_delivered", () => ({ seq: 1 })),
    event("send", "send_message", () => ({ content: "x", client_random: clientRandom() }), limited),
    event("send", "typing_start", () => ({}), limited),
    event("send", "typing_stop"),
    event(
      "change",
      "add_reaction",
      (actor, place) => ({ ...others(actor, place), reaction: ":no:" }),
      limited
    ),
    event(
      "change",
      "remove_reaction",
      (actor, place) => ({ ...others(actor, place), reaction: ":no:" }),
      limited
    ),
    event("change", "edit_message", (actor, place) => ({ ...own(actor, place), content: "y" }), limited),
    event(
      "change",
      "add_attachment",
      (actor, place) => ({ ...own(actor, place), media_id: crypto.randomUUID(), media_type: "image" }),
      limited
    ),
    event("change", "delete_message", (actor, place) => ({ ...others(actor, place), scope: "me" }), spending),
    event(
      "change",
      "delete_message",
      (actor, place) => ({ ...own(actor, place), scope: "everyone" }),
      spending
    ),
    event("moderate", "delete_message", (actor, place) => ({ ...others(actor, place), scope: "everyone" }), {
      ...spending,
      refusal: "forbidden delete:sender_only"
    }),
    event("pin", "pin_message", others, limited),
    event("pin", "unpin_message", others, limited)
  ]

  const contract = Object.keys(conversationEvents.requests).filter((name) => name !== "phx_leave")
  return { name: "channel", calls, contract, isForServices: false, tellsRules: true }
}
