/** Channels with scripted behaviour, for tests of the session that routes to them. */
import { Deferred, Effect } from "effect"
import type { Channel, ChannelHost, Joined } from "../../../src/actors/session/Channel.ts"
import { refuse, reply } from "../../../src/actors/session/ChannelReply.ts"
import type { JoinTopic } from "../../../src/actors/session/Session.ts"
import { encoded } from "../../../src/actors/topic/SharedFrame.ts"
import { Forbidden, type Refusal } from "../../../src/domain/Errors.ts"
import type { Ref } from "../../../src/domain/protocol/Frame.ts"

export class FakeChannel implements Channel {
  readonly host: ChannelHost
  readonly topic: string
  readonly joinRef: Ref
  readonly log: Array<string> = []
  /** What the next event of this name waits for. */
  readonly gates = new Map<string, Deferred.Deferred<void>>()
  /** How to end what `expected` began. */
  readonly expected: Array<(word: string) => void> = []
  openedDies = false

  constructor(host: ChannelHost, topic: string, joinRef: Ref) {
    this.host = host
    this.topic = topic
    this.joinRef = joinRef
  }

  opened(): void {
    this.log.push("opened")
    if (this.openedDies) throw new Error("opened died")
    this.push("welcome")
  }

  push(event: string): void {
    this.host.send(encoded(this.host.serializer.push(this.joinRef, null, this.topic, event, "{}")), false)
  }

  presenceChanged(): void {
    this.log.push(`presence ${this.host.status()}`)
  }

  caughtUp(): void {
    this.log.push("caught up")
  }

  close(): void {
    this.log.push("closed")
  }

  /**
   * `echo` answers, `refuse` refuses, `crash` dies, `silent` says nothing, `later` answers when its gate opens,
   * `expected` when it is told to.
   */
  handleIn(event: string, payload: unknown, ref: Ref): Effect.Effect<void> {
    this.log.push(event)
    switch (event) {
      case "echo":
        return Effect.sync(() => reply(this.host, this, ref, JSON.stringify(payload)))
      case "refuse":
        return Effect.sync(() => refuse(this.host, this, ref, new Forbidden({ rule: "test" })))
      case "crash":
        return Effect.die(new Error("handleIn died"))
      case "later":
        return Effect.sync(() =>
          this.host.fork(Effect.map(this.#gate(event), () => reply(this.host, this, ref, '{"later":true}')))
        )
      case "expected":
        return Effect.sync(() => {
          const done = this.host.expect<string>((word) => {
            if (word === "die") throw new Error("what was expected died")
            reply(this.host, this, ref, JSON.stringify({ word }))
          })
          this.expected.push(done)
        })
      case "slow":
        return this.#gate(event)
      default:
        return Effect.void
    }
  }

  #gate(event: string): Effect.Effect<void> {
    const gate = this.gates.get(event)
    return gate === undefined ? Effect.void : Deferred.await(gate)
  }
}

/** How joins go, and the channels they made. */
export class FakeTopics {
  readonly channels: Array<FakeChannel> = []
  refusal: Refusal | undefined
  dies = false
  openedDies = false
  response = "{}"
  gate: Deferred.Deferred<void> | undefined
  /** Called when a join has been answered with a channel. */
  onJoined = () => {}

  readonly join: JoinTopic = (host, _topic, name, joinRef) =>
    Effect.gen({ self: this }, function* () {
      const channel = new FakeChannel(host, name, joinRef)
      channel.openedDies = this.openedDies
      if (this.gate !== undefined) yield* Deferred.await(this.gate)
      if (this.dies) return yield* Effect.die(new Error("join died"))
      if (this.refusal !== undefined) return yield* Effect.fail(this.refusal)
      this.channels.push(channel)
      this.onJoined()
      return { channel, response: this.response } satisfies Joined
    })
}
