/** A client as it should be: it resumes after what it has, and keeps what comes, in the order in which it comes. */
import type { Message } from "../../src/domain/Message.ts"
import type { Client, ClientChannel } from "./PhoenixClient.ts"

export interface Joined {
  readonly current_seq: number
  readonly messages: ReadonlyArray<Message>
  readonly read_positions: Readonly<Record<string, { readonly last_read_seq: number }>>
}

export interface ReaderOptions {
  /** The first join asks for everything, and not for the newest. */
  readonly fromStart?: boolean
}

export class Reader {
  readonly conversation: string
  /** `undefined` until it is constructed: it asks for its parameters before that. */
  readonly channel: ClientChannel<Joined>
  readonly seen: Array<Pick<Message, "id" | "seq">> = []
  #joins = 0

  constructor(client: Client, conversation: string, { fromStart = false }: ReaderOptions = {}) {
    this.conversation = conversation
    this.channel = client.channel<Joined>(`conversation:${conversation}`, () => {
      const last = this.#last()
      return last === 0 && !fromStart ? {} : { last_seq: last }
    })
    this.channel.raw.on("new_message", (message) => {
      // A join whose answer came too late is live at the server: what follows it is not all that there is.
      if (this.channel.raw.state !== "joined") return
      this.#takeJoins()
      this.#take(message as Message)
    })
  }

  get seqs(): ReadonlyArray<number> {
    return this.seen.map(({ seq }) => seq)
  }

  reached(last: number): boolean {
    return this.#last() >= last
  }

  #take({ id, seq }: Message): void {
    this.seen.push({ id, seq })
  }

  /** What the answers to its joins held. */
  #takeJoins(): void {
    const all = this.channel?.joins.all ?? []
    for (; this.#joins < all.length; this.#joins++) {
      for (const message of all[this.#joins]!.messages) this.#take(message)
    }
  }

  #last(): number {
    this.#takeJoins()
    return this.seen.at(-1)?.seq ?? 0
  }
}
