/** The actors, and what stands between them and those who ask: admission, content policy, peers. */
import { Layer } from "effect"
import * as ConversationRegistry from "../actors/conversation/ConversationRegistry.ts"
import * as LocalConversations from "../actors/conversation/LocalConversations.ts"
import * as PeerConversations from "../actors/conversation/PeerConversations.ts"
import * as PlacedConversations from "../actors/conversation/PlacedConversations.ts"
import * as Statuses from "../actors/conversation/Statuses.ts"
import * as PresenceExchange from "../actors/presence/PresenceExchange.ts"
import * as PresenceTracker from "../actors/presence/PresenceTracker.ts"
import * as UserPresence from "../actors/presence/UserPresence.ts"
import * as Revocations from "../actors/session/Revocations.ts"
import * as Sessions from "../actors/session/Sessions.ts"
import * as SignIns from "../actors/session/SignIns.ts"
import * as LastSeen from "../actors/user/LastSeen.ts"
import * as Me from "../actors/user/Me.ts"
import * as Notifier from "../actors/user/Notifier.ts"
import * as OfflineDispatch from "../actors/user/OfflineDispatch.ts"
import * as UserSync from "../actors/user/UserSync.ts"
import * as Users from "../actors/user/Users.ts"
import { Admission } from "../domain/ports/Admission.ts"
import { ContentPolicy } from "../domain/ports/ContentPolicy.ts"
import { Media } from "../domain/ports/Media.ts"
import { Notifications } from "../domain/ports/Notifications.ts"
import { UserDirectory } from "../domain/ports/UserDirectory.ts"
import * as ClusterPlacement from "../layers/cluster/ClusterPlacement.ts"
import type { AppConfig } from "../layers/config/AppConfig.ts"
import { limitsOf } from "../layers/config/LimitSettings.ts"
import * as RuledContentPolicy from "../layers/content/RuledContentPolicy.ts"
import * as Peers from "../layers/grpc/Peers.ts"
import * as GuardedAdmission from "../layers/limits/GuardedAdmission.ts"
import * as Replacements from "../Replacements.ts"
import { configured } from "./Configured.ts"
import { identity } from "./Issuer.ts"
import { shared } from "./Shared.ts"

const contentPolicy = Replacements.orElse(
  ContentPolicy,
  configured(({ blockedWords, contentRules: modes }) => RuledContentPolicy.layer({ blockedWords, modes }))
)

const admission = Replacements.orElse(
  Admission,
  configured((config) =>
    GuardedAdmission.layer({ maxMessageBytes: config.maxMessageBytes, limits: limitsOf(config) })
  )
)

/** The actors of this node, and in front of them, in a cluster, the way to those of the others. */
const conversationRegistry = configured((config) => {
  const here = ConversationRegistry.layer({
    mailbox: config.maxConversationMailbox,
    maxActive: config.maxConversations,
    idleTimeout: config.conversationIdleTimeout,
    askTimeout: config.askTimeout,
    editWindow: config.editWindow,
    deleteWindow: config.deleteWindow,
    unanswered: limitsOf(config).suspicion.unanswered,
    maxPositions: config.maxReadPositions
  })
  if (config.cluster === "off" || config.databaseUrl === undefined) return here
  const placement = ClusterPlacement.layer({
    databaseUrl: config.databaseUrl,
    host: config.nodeHost,
    listen: config.nodeListen ?? config.nodeHost,
    port: config.nodePort,
    patience: config.ownerPatience,
    maxActive: config.maxConversations,
    maxFrameBytes: 4 * config.maxFrameBytes,
    kubernetes:
      config.env === "kube"
        ? {
            api: config.kubernetesApi,
            account: config.kubernetesAccount,
            selector: config.kubernetesSelector
          }
        : undefined
  })
  return PlacedConversations.layer.pipe(Layer.provide(here), Layer.provide(placement))
})

const offline = configured((config) =>
  OfflineDispatch.layer({ capacity: config.maxConversations, entriesPerSecond: config.queueRate })
)

const peerOptions = (config: AppConfig["Service"]): Peers.PeersOptions => ({
  files: { ca: config.grpcTlsCa, cert: config.grpcTlsCert, key: config.grpcTlsKey },
  timeout: config.peerTimeout,
  maxCalls: config.maxPeerCalls
})

/** A peer that is called is in the context too, for the tree. */
const users = Replacements.orElse(
  UserDirectory,
  configured((config) =>
    Peers.users(config.userServiceUrl, {
      ...peerOptions(config),
      cache: {
        capacity: config.maxPermissions,
        ttl: config.permissionTtl,
        staleTtl: config.permissionStaleTtl,
        whenDown: config.permissionsWhenDown
      }
    })
  )
)

const media = Replacements.orElse(
  Media,
  configured((config) => Peers.media(config.mediaServiceUrl, peerOptions(config)))
)

const notifier = configured(({ maxNotifications }) => Notifier.layer({ capacity: maxNotifications })).pipe(
  Layer.provideMerge(
    Replacements.orElse(
      Notifications,
      configured((config) => Peers.notifications(config.notificationServiceUrl, peerOptions(config)))
    )
  )
)

const conversations = LocalConversations.layer.pipe(
  Layer.provideMerge(conversationRegistry),
  Layer.provideMerge(offline),
  Layer.provideMerge(notifier),
  Layer.provideMerge(admission),
  Layer.provide(contentPolicy),
  Layer.provideMerge(users),
  Layer.provideMerge(media)
)

export const realtime = configured((config) =>
  Layer.provideMerge(
    Layer.provideMerge(SignIns.layer, Revocations.layer),
    Sessions.layer({
      maxSockets: config.maxSockets,
      maxChannels: config.maxChannels,
      maxWaiting: config.maxSessionMailbox,
      idleTimeout: config.socketIdleTimeout,
      tokenWarning: config.tokenWarning,
      tokenGrace: config.jwtClockSkew,
      drainTimeout: config.drainTimeout,
      outbox: { soft: config.maxOutboxSoft, hard: config.maxOutbox },
      limits: {
        devices: config.maxConnectedDevices,
        connections: config.maxUserSockets,
        perAddress: config.rateLimits === "off" ? undefined : config.maxAddressSockets
      }
    })
  )
).pipe(
  Layer.provideMerge(configured(({ maxWatchedUsers: maxWatched }) => UserPresence.layer({ maxWatched }))),
  Layer.provideMerge(
    configured(({ lastSeenInterval: interval, maxSockets: capacity }) =>
      LastSeen.layer({ interval, capacity })
    )
  ),
  Layer.provideMerge(configured(({ maxWatched }) => Users.layer({ maxFollowed: maxWatched }))),
  Layer.provideMerge(configured(({ presenceLease: lease }) => PresenceExchange.layerWith({ lease }))),
  Layer.provideMerge(
    configured(({ maxPresenceKeys: keys, maxPresenceMetas: metas }) =>
      PresenceTracker.layerWith({ keys, metas })
    )
  ),
  Layer.provideMerge(PeerConversations.layer),
  Layer.provideMerge(configured(({ maxReadPositions: maxListed }) => Statuses.layer({ maxListed }))),
  Layer.provide(
    configured(({ maxPending, maxWatched }) => UserSync.layer({ maxPending, maxConversations: maxWatched }))
  ),
  Layer.provideMerge(Me.layer),
  Layer.provideMerge(conversations),
  Layer.provideMerge(identity),
  Layer.provideMerge(shared)
)
