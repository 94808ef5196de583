/**
 * The Media of the media service, over gRPC. Nothing is remembered: whether a file may be attached changes with its
 * upload. While the service is down attaching answers `unavailable`; messages without attachments do not ask.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { Forbidden, NotFound, Unavailable } from "../../domain/Errors.ts"
import { Media } from "../../domain/ports/Media.ts"
import * as Peer from "./Peer.ts"

/** The connection to the media service, for the supervision tree and the health check. */
export class MediaPeer extends Context.Service<MediaPeer, Peer.Peer<"media.MediaService">>()(
  "messaging-service/layers/grpc/MediaPeer"
) {}

/** Files of one message that are asked for at once. */
const CONCURRENCY = 10

const idempotent = { idempotent: true }
const noMedia = new NotFound({ what: "media" })
const notAllowed = new Forbidden({ rule: "media:access" })
const notReady = new Forbidden({ rule: "media:not_ready" })

/** No is no: why is between the peer and its log. */
const answerOf = ({ code }: Peer.PeerRefused) => Effect.fail(code === Peer.NOT_FOUND ? noMedia : notAllowed)

const make = Effect.fnUntraced(function* (options: Peer.PeerOptions) {
  const peer = yield* Peer.make("media.MediaService", "media.proto", "media service", options)

  const media = Media.of({
    check: (user_id, conversation_id, mediaIds) =>
      Effect.forEach(
        mediaIds,
        Effect.fnUntraced(function* (media_id) {
          const { access_granted, metadata } = yield* peer
            .call(
              "ValidateMediaAccess",
              { media_id, user_id, conversation_id, access_type: "link" },
              idempotent
            )
            .pipe(Effect.catchTag("PeerRefused", answerOf))
          if (!access_granted) return yield* notAllowed
          // A service that says nothing of the file vouches for it by the grant alone.
          if (metadata === null) return
          const { expires_at, upload_status } = metadata
          if (upload_status === "error") return yield* noMedia
          if (expires_at > 0 && expires_at <= (yield* Clock.currentTimeMillis)) return yield* noMedia
          if (upload_status !== "ready" && upload_status !== "") return yield* notReady
        }),
        { concurrency: CONCURRENCY, discard: true }
      ),

    linked: ({ conversationId, mediaId, messageId, userId }) =>
      peer
        .call(
          "LinkMediaToMessage",
          {
            media_id: mediaId,
            message_id: messageId,
            conversation_id: conversationId,
            user_id: userId
          },
          idempotent
        )
        .pipe(
          Effect.catchTag("PeerRefused", (cause) =>
            Effect.fail(new Unavailable({ what: "media service", cause }))
          ),
          Effect.flatMap(({ message, success }) =>
            success ? Effect.void : Effect.fail(new Unavailable({ what: "media service", cause: message }))
          )
        )
  })
  return Context.make(Media, media).pipe(Context.add(MediaPeer, peer))
})

export const layer = (options: Peer.PeerOptions) => Layer.effectContext(make(options))
