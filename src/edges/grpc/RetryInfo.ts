/**
 * When to come back, as `google.rpc.RetryInfo` in a `google.rpc.Status`: what libraries of many languages read from the
 * trailer `grpc-status-details-bin`. Two messages of two fields each do not need a library of ours.
 */

/** A number as protobuf writes it: seven bits a byte, the lowest first. */
const varint = (value: number): Array<number> => {
  const bytes: Array<number> = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return [...bytes, rest]
}

const number = (field: number, value: number): Uint8Array =>
  value === 0 ? new Uint8Array() : Uint8Array.from([field << 3, ...varint(value)])

const bytes = (field: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.from([(field << 3) | 2, ...varint(value.length)]), value])

const text = (field: number, value: string): Uint8Array => bytes(field, Buffer.from(value))

const TYPE = "type.googleapis.com/google.rpc.RetryInfo"

export const KEY = "grpc-status-details-bin"

/** `code` and `message` repeat the call's own status. */
export const encode = (code: number, message: string, retryAfterMs: number): Buffer => {
  const seconds = Math.floor(retryAfterMs / 1000)
  const delay = Buffer.concat([number(1, seconds), number(2, (retryAfterMs - seconds * 1000) * 1_000_000)])
  const info = Buffer.concat([text(1, TYPE), bytes(2, bytes(1, delay))])
  return Buffer.concat([number(1, code), text(2, message), bytes(3, info)])
}
