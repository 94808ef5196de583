/**
 * Cuts what a server sends into RFC 6455 frames without copying: the callback gets a range of the chunk, valid
 * only during the call. What is left of a frame split over chunks is kept and joined to the next chunk.
 *
 * Gotcha: fragmented messages are refused, not reassembled; none of the measured servers sends any.
 */

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export type OnFrame = (opcode: number, buffer: Buffer, start: number, end: number) => void

export class FrameParser {
  readonly #onFrame: OnFrame
  #rest: Buffer | undefined

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** Takes the first `length` bytes of `chunk`, which the caller may overwrite afterwards. */
  push(chunk: Buffer, length: number): void {
    let buffer = chunk
    let end = length
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, chunk.subarray(0, length)])
      end = buffer.length
      this.#rest = undefined
    }
    let at = 0
    while (end - at >= 2) {
      const first = buffer[at]!
      if ((first & 0x80) === 0) throw new Error("the server sent a fragmented message")
      let size = buffer[at + 1]! & 0x7f
      let payload = at + 2
      if (size === 126) {
        if (end - at < 4) break
        size = buffer.readUInt16BE(at + 2)
        payload = at + 4
      } else if (size === 127) {
        if (end - at < 10) break
        size = Number(buffer.readBigUInt64BE(at + 2))
        payload = at + 10
      }
      if (end - payload < size) break
      at = payload + size
      this.#onFrame(first & 0x0f, buffer, payload, at)
    }
    if (at < end) this.#rest = Buffer.from(buffer.subarray(at, end))
  }
}
