/**
 * One outbound frame, encoded at most once per serializer and shared by every socket it goes to: as text for
 * long-poll, as the bytes of a finished WebSocket frame for sockets. No JSON and no encoding per recipient.
 */
import type { Serializer } from "../../domain/protocol/Frame.ts"

/** A final, unmasked text frame of RFC 6455: what a server sends. */
export const webSocketTextFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x81
  if (header === 2) {
    frame[1] = length
  } else if (header === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(length, 6)
  }
  frame.write(text, header)
  return frame
}

class Encoded {
  readonly text: string
  #bytes: Buffer | undefined
  constructor(text: string) {
    this.text = text
  }
  get bytes(): Buffer {
    this.#bytes ??= webSocketTextFrame(this.text)
    return this.#bytes
  }
}
export type EncodedFrame = Pick<Encoded, "text" | "bytes">

/** A frame for one socket. */
export const encoded = (text: string): EncodedFrame => new Encoded(text)

/** A broadcast: every subscriber with the same serializer gets the same EncodedFrame. */
export class SharedFrame {
  readonly #topic: string
  readonly #event: string
  readonly #payload: string
  #v1: Encoded | undefined
  #v2: Encoded | undefined

  constructor(topic: string, event: string, payload: string) {
    this.#topic = topic
    this.#event = event
    this.#payload = payload
  }

  for(serializer: Serializer): EncodedFrame {
    if (serializer.vsn === "2.0.0") {
      this.#v2 ??= new Encoded(serializer.broadcast(this.#topic, this.#event, this.#payload))
      return this.#v2
    }
    this.#v1 ??= new Encoded(serializer.broadcast(this.#topic, this.#event, this.#payload))
    return this.#v1
  }
}
