/**
 * Identifiers. Every id is a UUID in its canonical lower-case form, branded by what it names, so that a
 * device id cannot be passed where a user id is wanted. Edges decode with these schemas; upper-case UUIDs
 * (some mobile platforms print them so) are accepted and normalised.
 */
import { Schema, SchemaTransformation } from "effect"

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const uuid = Schema.String.pipe(
  Schema.decode(SchemaTransformation.toLowerCase()),
  Schema.check(Schema.isPattern(canonical, { expected: "a UUID", format: "uuid" }))
)

/** Whether a string is a UUID in canonical form, the only form that appears in topics and keys. */
export const isCanonicalUuid = (text: string): boolean => text.length === 36 && canonical.test(text)

export const UserId = uuid.pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

export const ConversationId = uuid.pipe(Schema.brand("ConversationId"))
export type ConversationId = typeof ConversationId.Type

export const MessageId = uuid.pipe(Schema.brand("MessageId"))
export type MessageId = typeof MessageId.Type

export const MediaId = uuid.pipe(Schema.brand("MediaId"))
export type MediaId = typeof MediaId.Type

/** A device names itself: any short printable string, stable for one installation of a client. */
export const DeviceId = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^[\x21-\x7e]{1,64}$/, { expected: "1 to 64 printable ASCII characters" })),
  Schema.brand("DeviceId")
)
export type DeviceId = typeof DeviceId.Type

/** One connection of one device; made by the server, never reused. */
export const SessionId = uuid.pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type
