/** The far end of an outbox as an array: what was written, in which writes, and how it was closed. */
import type { Transport } from "../../../src/actors/session/Outbox.ts"

export class RecordingTransport implements Transport {
  /** One item for each write: the texts of its frames. */
  readonly writes: Array<ReadonlyArray<string>> = []
  readonly closes: Array<{ readonly code: number; readonly reason: string }> = []
  /** What the peer has not taken yet; tests set it. */
  unread = 0
  #drained = () => {}

  get texts(): ReadonlyArray<string> {
    return this.writes.flat()
  }

  /** The frames as values. */
  get frames(): ReadonlyArray<unknown> {
    return this.texts.map((text) => JSON.parse(text))
  }

  readonly buffered = () => this.unread

  readonly write: Transport["write"] = (frames) => {
    this.writes.push(frames.map((frame) => frame.text))
    return this.unread === 0
  }

  readonly close: Transport["close"] = (code, reason) => {
    this.closes.push({ code, reason })
  }

  readonly onDrained: Transport["onDrained"] = (listener) => {
    this.#drained = listener
  }

  /** The peer reads everything. */
  drain(): void {
    this.unread = 0
    this.#drained()
  }
}
