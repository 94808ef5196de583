/**
 * A WebSocket client that costs next to nothing: the handshake and the frames by hand over a TCP socket, all
 * sockets of the process reading into one shared buffer. It must never be what a measurement waits for.
 */
import * as net from "node:net"
import { pongFrame, textFrame } from "./clientFrame.ts"
import { FrameParser, type OnFrame, Opcode } from "./FrameParser.ts"

/** Every callback below ends before the next read, so one buffer serves all sockets. */
const readBuffer = Buffer.allocUnsafe(256 * 1024)

const HEAD_END = "\r\n\r\n"

export interface Address {
  readonly host: string
  readonly port: number
}

/** Exactly one of `onOpen` and `onRefused` is called, and `onClose` only after `onOpen`. */
export interface Handlers {
  readonly onOpen: () => void
  /** Not upgraded: the HTTP status, or 0 when the connection failed or was lost before one came. */
  readonly onRefused: (status: number) => void
  /** A text frame; the range is valid only during the call. */
  readonly onText: (buffer: Buffer, start: number, end: number) => void
  /** The close code, if a close frame came before the end. */
  readonly onClose: (code: number | undefined) => void
}

export class RawWebSocket {
  readonly #socket: net.Socket
  readonly #handlers: Handlers
  readonly #parser: FrameParser
  /** The response head as far as it came; undefined once upgraded. */
  #head: string | undefined = ""
  #closeCode: number | undefined

  constructor(address: Address, path: string, handlers: Handlers) {
    this.#handlers = handlers
    this.#parser = new FrameParser(this.#onFrame)
    this.#socket = net.connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: this.#onRead }
    })
    // An error is always followed by "close", which reports it.
    this.#socket.on("error", () => undefined)
    this.#socket.on("close", () => {
      if (this.#head === undefined) handlers.onClose(this.#closeCode)
      else handlers.onRefused(statusOf(this.#head))
    })
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${address.host}:${address.port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`
    )
  }

  readonly #onRead = (length: number, chunk: Uint8Array): boolean => {
    if (this.#head === undefined) this.#parser.push(chunk as Buffer, length)
    else this.#onHead(Buffer.from(chunk.subarray(0, length)))
    return true
  }

  #onHead(chunk: Buffer): void {
    this.#head += chunk.toString("latin1")
    const end = this.#head!.indexOf(HEAD_END)
    if (end < 0) return
    if (statusOf(this.#head!) !== 101) {
      this.#socket.destroy()
      return
    }
    const early = Buffer.from(this.#head!.slice(end + HEAD_END.length), "latin1")
    this.#head = undefined
    this.#handlers.onOpen()
    this.#parser.push(early, early.length)
  }

  readonly #onFrame: OnFrame = (opcode, buffer, start, end) => {
    if (opcode === Opcode.text) this.#handlers.onText(buffer, start, end)
    else if (opcode === Opcode.ping) this.#socket.write(pongFrame(Buffer.from(buffer.subarray(start, end))))
    else if (opcode === Opcode.close)
      this.#closeCode = end - start >= 2 ? buffer.readUInt16BE(start) : undefined
  }

  send(text: string): void {
    this.#socket.write(textFrame(text))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** From `HTTP/1.1 101 Switching Protocols`; 0 if there is none. */
const statusOf = (head: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
