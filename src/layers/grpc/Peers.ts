/** The peer services of this one: each over gRPC where its URL is configured, and what holds without it where not. */
import { Effect, type Layer, Option } from "effect"
import type { Media } from "../../domain/ports/Media.ts"
import type { Notifications } from "../../domain/ports/Notifications.ts"
import type { UserDirectory } from "../../domain/ports/UserDirectory.ts"
import * as AnyMedia from "../absent/AnyMedia.ts"
import * as NoNotifications from "../absent/NoNotifications.ts"
import * as OpenDirectory from "../absent/OpenDirectory.ts"
import * as GrpcMedia from "./GrpcMedia.ts"
import * as GrpcNotifications from "./GrpcNotifications.ts"
import * as GrpcUserDirectory from "./GrpcUserDirectory.ts"
import type { PeerOptions } from "./Peer.ts"
import type { PeerFilesUnusable } from "./PeerConnection.ts"
import type { PermissionCacheOptions } from "./PermissionCache.ts"

export type PeersOptions = Omit<PeerOptions, "url">

/** With a URL the context holds the connection, too, for `connections` to find. */
export const users = (
  url: URL | undefined,
  options: PeersOptions & { readonly cache: PermissionCacheOptions }
): Layer.Layer<UserDirectory, PeerFilesUnusable> =>
  url === undefined ? OpenDirectory.layer : GrpcUserDirectory.layer({ ...options, url })

export const media = (url: URL | undefined, options: PeersOptions): Layer.Layer<Media, PeerFilesUnusable> =>
  url === undefined ? AnyMedia.layer : GrpcMedia.layer({ ...options, url })

export const notifications = (
  url: URL | undefined,
  options: PeersOptions
): Layer.Layer<Notifications, PeerFilesUnusable> =>
  url === undefined ? NoNotifications.layer : GrpcNotifications.layer({ ...options, url })

/** The peers that are configured. */
export const connections = Effect.gen(function* () {
  const user = yield* Effect.serviceOption(GrpcUserDirectory.UserPeer)
  const media = yield* Effect.serviceOption(GrpcMedia.MediaPeer)
  const notification = yield* Effect.serviceOption(GrpcNotifications.NotificationPeer)
  return [...Option.toArray(user), ...Option.toArray(media), ...Option.toArray(notification)]
})
