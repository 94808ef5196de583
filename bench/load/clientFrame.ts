/**
 * Frames a client sends. The mask key is zero, so masking costs the generator nothing; the server unmasks as
 * it always does.
 */
import { Opcode } from "./FrameParser.ts"

const FINAL = 0x80
const MASKED = 0x80

const frame = (opcode: number, payload: Buffer): Buffer => {
  const small = payload.length < 126
  if (payload.length > 65_535) throw new Error("the load generator sends frames of at most 64 KiB")
  const header = Buffer.alloc(small ? 6 : 8)
  header[0] = FINAL | opcode
  header[1] = MASKED | (small ? payload.length : 126)
  if (!small) header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, payload])
}

export const textFrame = (text: string): Buffer => frame(Opcode.text, Buffer.from(text))

export const pongFrame = (payload: Buffer): Buffer => frame(Opcode.pong, payload)
