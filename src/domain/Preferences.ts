/** What users decide about themselves, for all their devices. */
import { Schema } from "effect"

export const Preferences = Schema.Struct({
  /** Off: nobody learns how far the user has read, and the user learns it of nobody. */
  read_receipts: Schema.Boolean,
  /** Off: no notification while no device is connected. */
  notifications: Schema.Boolean,
  /** Off: nobody learns when the user was last there, and the user learns it of nobody. */
  last_seen: Schema.Boolean
}).annotate({ identifier: "Preferences" })
export type Preferences = typeof Preferences.Type

export const defaultPreferences: Preferences = {
  read_receipts: true,
  notifications: true,
  last_seen: true
}

/** What is left out stays as it is. */
export const UpdatePreferences = Schema.Struct({
  read_receipts: Schema.optionalKey(Schema.Boolean),
  notifications: Schema.optionalKey(Schema.Boolean),
  last_seen: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "UpdatePreferences" })
export type UpdatePreferences = typeof UpdatePreferences.Type
