/**
 * A frame of the Phoenix Channels protocol, and the serializer seam between its versions. Inbound text becomes
 * a Frame; outbound frames are built as text around a payload that is JSON text already, so that a payload is
 * encoded once however many sockets it goes to.
 */

/** Opaque to us: echoed verbatim (a number stays a number), compared strictly. */
export type Ref = string | number | null

export const isRef = (value: unknown): value is Ref =>
  value === null || typeof value === "string" || typeof value === "number"

export interface Frame {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  /** Any JSON value, or the bytes of a binary push. */
  readonly payload: unknown
}

/** No JSON value is a Uint8Array, so this tells a binary push from a text one. */
export const hasBinaryPayload = (frame: Frame): boolean => frame.payload instanceof Uint8Array

export type ReplyStatus = "ok" | "error"

export interface Serializer {
  readonly vsn: "1.0.0" | "2.0.0"
  /** `undefined` when the text is no frame of this version; the socket is then closed (1011). */
  readonly decode: (text: string) => Frame | undefined
  /** The same for a binary WebSocket message, or a base64 line of long-poll. */
  readonly decodeBinary: (bytes: Uint8Array) => Frame | undefined
  readonly reply: (joinRef: Ref, ref: Ref, topic: string, status: ReplyStatus, response: string) => string
  /** To one socket's channel. `ref` is null but for `phx_close` and `phx_error`, where it is the join's. */
  readonly push: (joinRef: Ref, ref: Ref, topic: string, event: string, payload: string) => string
  /** To all subscribers of a topic: the same text for each of them. */
  readonly broadcast: (topic: string, event: string, payload: string) => string
}

/** The text of an empty JSON object, the default payload. */
export const EMPTY = "{}"
