/**
 * Every environment variable this service reads, as data: name, type, default per `APP_ENV`, meaning.
 * `AppConfig` loads it; `docs/configuration.md` is printed from it, so the page cannot disagree with the code.
 */
import { Config } from "effect"
import { limitSettings } from "./LimitSettings.ts"
import {
  AppEnv,
  choice,
  count,
  duration,
  flag,
  headers,
  int,
  list,
  networks,
  optional,
  origins,
  peer,
  port,
  ratio,
  rules,
  type Setting,
  secret,
  text
} from "./SettingKinds.ts"

export const settings = {
  host: text("HOST", { local: "127.0.0.1", deployed: "0.0.0.0" }, "Address to listen on."),
  port: port("PORT", 4000, "Port of REST, WebSocket and the demo page."),
  sharedPort: flag(
    "SHARED_PORT",
    false,
    "Whether other processes of this host may listen on `PORT` and `GRPC_PORT` as well (`SO_REUSEPORT`), as those of `start --workers` do. Each then listens on a free port of `NODE_HOST`, too, for the others."
  ),
  grpcPort: port("GRPC_PORT", 9090, "Port of gRPC, for peer services."),
  dataDir: text("DATA_DIR", ".data", "Where the embedded database and the dev issuer's key live."),
  databaseUrl: secret("DATABASE_URL", "A Postgres server. Unset: the embedded database."),
  databaseConnections: int(
    "DATABASE_CONNECTIONS",
    8,
    "Connections to a Postgres server at the most. Two of them, where there are more, are left for commits."
  ),
  databaseTimeout: duration("DATABASE_TIMEOUT", "5 seconds", "Past it a query answers `unavailable`."),
  writerQueue: int(
    "MAX_WRITER_QUEUE",
    5_000,
    "Appends waiting for a commit; past it sends answer `overloaded`."
  ),
  writerBatch: int("MAX_WRITER_BATCH", 500, "Messages in one commit at the most."),
  auditQueue: int(
    "MAX_AUDIT_QUEUE",
    10_000,
    "Entries of the audit log waiting for a commit; events past it are counted, and the count is on record."
  ),

  redisUrl: secret(
    "REDIS_URL",
    "`redis://user:password@host:port/database`, or `rediss:` for TLS; or through Sentinels, `redis-sentinel://user:password@host:port,host:port/name/database`; or some nodes of a cluster, `redis-cluster://user:password@host:port,host:port`. Joins the nodes that share it and a database. Unset: this node is alone."
  ),
  redisSessionUrl: secret("REDIS_SESSION_URL", "Another Redis, or database, for `session_pool`."),
  redisQueueUrl: secret("REDIS_QUEUE_URL", "Another Redis, or database, for `queue_pool`."),
  redisConnections: count("REDIS_CONNECTIONS", 2, "Connections of each Redis pool."),
  redisConnectTimeout: duration(
    "REDIS_CONNECT_TIMEOUT",
    "5 seconds",
    "Past it an attempt to connect is given up, and made again later."
  ),
  redisTimeout: duration(
    "REDIS_TIMEOUT",
    "2 seconds",
    "Past it a Redis command answers `unavailable`, and a silent connection is replaced."
  ),
  presenceLease: duration(
    "PRESENCE_LEASE",
    "5 seconds",
    "A node that says nothing for this long is taken for dead, and its users leave the presence of all others."
  ),

  cluster: choice(
    "CLUSTER",
    ["off", "on"],
    "off",
    "Whether this node shares the conversations with others: each has one owner, which all nodes ask. Needs `DATABASE_URL` and `REDIS_URL`."
  ),
  nodeHost: text(
    "NODE_HOST",
    "127.0.0.1",
    "Address at which the other nodes reach this one: on `NODE_PORT` those of its cluster, and on `PORT` any that has met a request of its long-poll sessions. Nobody else may reach `NODE_PORT`: what arrives there is trusted."
  ),
  nodeListen: optional(
    "text",
    Config.String,
    "NODE_LISTEN",
    "Address to listen on for the other nodes where it is not `NODE_HOST`: `0.0.0.0`, or what lies behind a translated address."
  ),
  nodePort: port("NODE_PORT", 0, "Port at which the other nodes of the cluster reach this one."),
  ownerPatience: duration(
    "OWNER_TIMEOUT",
    "1 second",
    "How long the node that owns a conversation may take to answer, before the one asked does its work."
  ),

  kubernetesApi: text(
    "KUBERNETES_API",
    "https://kubernetes.default.svc",
    "When `APP_ENV` is `kube` and `CLUSTER` is on: where Kubernetes says which pods are ready, so that the conversations of others find new owners. Nodes are pinged while it does not answer, and elsewhere always."
  ),
  kubernetesAccount: text(
    "KUBERNETES_ACCOUNT",
    "/var/run/secrets/kubernetes.io/serviceaccount",
    "The directory of the service account that it is asked with: `ca.crt`, `namespace`, `token`. It must be allowed to list pods."
  ),
  kubernetesSelector: text(
    "KUBERNETES_SELECTOR",
    "app.kubernetes.io/name=messaging-service",
    "The labels by which it knows the pods of this service."
  ),

  jwksUrl: optional("URL", Config.URL, "JWT_JWKS_URL", "Where the issuer's public keys are."),
  jwksFile: optional(
    "path",
    Config.String,
    "JWT_JWKS_FILE",
    "The issuer's public keys in a file, instead of a URL."
  ),
  jwtIssuer: text("JWT_ISSUER", "auth-service", "The `iss` a token must carry."),
  jwtAudience: text("JWT_AUDIENCE", "messaging-service", "The `aud` a token must carry."),
  jwtMaxAge: duration(
    "JWT_MAX_AGE",
    "1 hour",
    "A token whose `iat` is older is refused, whatever its `exp`."
  ),
  jwtClockSkew: duration("JWT_CLOCK_SKEW", "60 seconds", "How far the issuer's clock may be from ours."),
  jwtRequireNbf: flag(
    "JWT_REQUIRE_NBF",
    false,
    "Whether a token without `nbf` is refused. One that is present is always checked."
  ),
  tokenCache: int("MAX_CACHED_TOKENS", 10_000, "Tokens whose verified signature is remembered, at the most."),
  tokenCacheTtl: duration(
    "TOKEN_CACHE_TTL",
    "5 minutes",
    "For how long a token's signature stays verified; never past its expiry."
  ),
  tokenWarning: duration(
    "TOKEN_EXPIRY_WARNING",
    "2 minutes",
    "How long before its token expires a socket is told so (`token_expiring`). It is closed (1008) when no newer one came."
  ),
  revocationCacheTtl: duration(
    "REVOCATION_CACHE_TTL",
    "1 minute",
    "For how long a token is believed without asking Redis again whether it was revoked. Nodes that hear of a revocation refuse at once."
  ),
  revocationsWhenDown: choice(
    "REVOCATIONS_WHEN_REDIS_IS_DOWN",
    ["open", "closed"],
    { local: "open", deployed: "closed" },
    "Whether tokens are believed (`open`) or answered `unavailable` (`closed`) when Redis cannot be asked."
  ),

  grpcTlsCert: optional(
    "path",
    Config.String,
    "GRPC_TLS_CERT",
    "Certificate chain (PEM) of the gRPC server. Unset: no TLS."
  ),
  grpcTlsKey: optional("path", Config.String, "GRPC_TLS_KEY", "Its private key (PEM)."),
  grpcTlsCa: optional(
    "path",
    Config.String,
    "GRPC_TLS_CA",
    "Authorities (PEM) of peers' certificates. With it every peer must show one, which then stands for a token."
  ),
  grpcTimeout: duration(
    "GRPC_TIMEOUT",
    "10 seconds",
    "A gRPC call is answered by then, if its own deadline is not sooner."
  ),
  maxRpcCalls: int(
    "MAX_RPC_CALLS",
    100,
    "Calls under way on one connection of typed RPC, streams not counted; past it calls are refused"
  ),
  maxGrpcCalls: int(
    "MAX_GRPC_CALLS",
    1_000,
    "gRPC calls under way; past it they answer `RESOURCE_EXHAUSTED`."
  ),
  maxGrpcPeerCalls: count(
    "MAX_GRPC_CALLS_PER_SERVICE",
    500,
    "The same for one service that calls: by its token, or its certificate."
  ),
  maxGrpcMessageBytes: int(
    "MAX_GRPC_MESSAGE_BYTES",
    4 * 1024 * 1024,
    "One gRPC request; a larger one answers `RESOURCE_EXHAUSTED`."
  ),
  grpcReflection: flag(
    "GRPC_REFLECTION",
    { local: true, deployed: false },
    "Whether the gRPC reflection service is there, for tools such as grpcurl."
  ),

  userServiceUrl: peer(
    "USER_SERVICE_URL",
    "The user service: permissions and blocks. Unset: the rules of conversations are all there is."
  ),
  mediaServiceUrl: peer(
    "MEDIA_SERVICE_URL",
    "The media service: what may be attached. Unset: any media id may."
  ),
  notificationServiceUrl: peer(
    "NOTIFICATION_SERVICE_URL",
    "The notification service: told of messages whose recipients have no device connected. Unset: nobody is."
  ),
  peerTimeout: duration(
    "PEER_TIMEOUT",
    "1 second",
    "A call of a peer service, further attempts included, is given up then."
  ),
  maxPeerCalls: int("MAX_PEER_CALLS", 200, "Calls of one peer service under way; past it they fail at once."),
  permissionTtl: duration(
    "PERMISSION_TTL",
    "30 seconds",
    "For how long an answer of the user service is not asked for again."
  ),
  permissionStaleTtl: duration(
    "PERMISSION_STALE_TTL",
    "1 hour",
    "For how long an answer of the user service holds while it is down."
  ),
  maxPermissions: int(
    "MAX_CACHED_PERMISSIONS",
    100_000,
    "Answers of the user service that are remembered, at the most."
  ),
  permissionsWhenDown: choice(
    "PERMISSIONS_WHEN_USER_SERVICE_IS_DOWN",
    ["open", "closed"],
    "open",
    "Whether what the user service has not answered lately is granted (`open`) or answered `unavailable` (`closed`) while it is down."
  ),

  allowedOrigins: origins(
    "ALLOWED_ORIGINS",
    "Origins a browser may connect from, and whose pages may read answers (CORS), such as `https://chat.example.com` or `//*.example.com` (any scheme, the domain itself and all below it). `:conn` is the service's own host and port, `*` every page. Empty: the service's own."
  ),

  trustedProxies: networks(
    "TRUSTED_PROXIES",
    "Proxies of ours, such as `10.0.0.0/8, ::1`, whose `X-Forwarded-For` says where a request comes from. Empty: nobody's does."
  ),

  compress: flag(
    "SOCKET_COMPRESSION",
    false,
    "Whether sockets may negotiate permessage-deflate. It costs a compressor per socket, and frames are not shared."
  ),
  maxMessageBytes: int("MAX_MESSAGE_BYTES", 10 * 1024 * 1024, "Content of one message, in UTF-8 bytes."),
  maxPageBytes: int(
    "MAX_PAGE_BYTES",
    1024 * 1024,
    "Messages of one page (a history, a join, a resume), in bytes; past it the page ends, with `has_more`."
  ),
  maxFrameBytes: int(
    "MAX_FRAME_BYTES",
    11 * 1024 * 1024,
    "One WebSocket frame; a larger one closes the socket (1009)."
  ),
  contentRules: rules(
    "CONTENT_RULES",
    "What rules of the content policy do, other than by default, such as `blocked_words=sanitize, injection=off`: `off`, `flag` (count), `sanitize`, `reject`. The rules are in [content-policy.md](content-policy.md)."
  ),
  blockedWords: list("BLOCKED_WORDS", "Words for the rule `blocked_words`."),
  maxBodyBytes: int("MAX_BODY_BYTES", 11 * 1024 * 1024, "One HTTP request body; a larger one answers 413."),
  maxChannels: int("MAX_CHANNELS_PER_SOCKET", 100, "Topics one socket may join."),
  maxConnectedDevices: int(
    "MAX_CONNECTED_DEVICES",
    10,
    "Devices of one user connected at a time, on all nodes; a further one is refused (403 `devices:limit`)."
  ),
  maxUserSockets: int(
    "MAX_SOCKETS_PER_USER",
    50,
    "Sockets of one user, on all nodes; a further one is refused (403 `connections:limit`)."
  ),
  maxAddressSockets: count(
    "MAX_SOCKETS_PER_ADDRESS",
    1_000,
    "Sockets of one address, on all nodes: an IPv4 address, or the /64 of an IPv6 address. A further one is refused (429, scope `address_sockets`)."
  ),
  sessionLease: duration(
    "SESSION_LEASE",
    "2 minutes",
    "How long the connections of a node that died are still listed and counted."
  ),
  maxSockets: int("MAX_SOCKETS", 100_000, "Sockets of this node; past it a connection is refused (503)."),
  maxOutboxSoft: int(
    "MAX_OUTBOX_SOFT",
    256 * 1024,
    "Characters waiting for a slow socket, past which ephemeral events are dropped."
  ),
  maxOutbox: int(
    "MAX_OUTBOX",
    4 * 1024 * 1024,
    "Characters waiting for a slow socket, past which it is closed (1013)."
  ),
  maxSessionMailbox: int(
    "MAX_SESSION_MAILBOX",
    256,
    "Frames of one socket waiting; past it the socket is not read from until they are done."
  ),
  maxConversationMailbox: int(
    "MAX_CONVERSATION_MAILBOX",
    10_000,
    "Commands waiting for one conversation; past it they answer `overloaded`."
  ),
  maxConversations: int(
    "MAX_ACTIVE_CONVERSATIONS",
    200_000,
    "Conversations active on this node; past it asks of further ones answer `overloaded`."
  ),
  maxWatched: int(
    "MAX_WATCHED_CONVERSATIONS",
    1_000,
    "Conversations of one user watched for previews, the most recently active first."
  ),

  maxQueue: int("MAX_QUEUE", 5_000, "Conversations with news in one user's offline queue."),
  maxNotifications: int(
    "MAX_NOTIFICATIONS",
    10_000,
    "Messages waiting for absent members to be notified of them; of further ones nobody is notified."
  ),
  maxDevices: int("MAX_DEVICES", 10, "Devices of one user that the offline queue remembers."),
  maxPending: int(
    "MAX_PENDING",
    1_000,
    "Messages of one conversation that a device is told when it comes back; older ones are in the history."
  ),
  queueLifetime: duration(
    "QUEUE_LIFETIME",
    "30 days",
    "How long a user's offline queue is kept after their last device left."
  ),
  queueRate: int(
    "MAX_QUEUE_RATE",
    1_000,
    "References per second that one conversation adds to its members' offline queues."
  ),

  headersTimeout: duration(
    "HEADERS_TIMEOUT",
    "10 seconds",
    "A connection that has not sent the head of a request within this long is answered 408, and closed."
  ),
  requestTimeout: duration("REQUEST_TIMEOUT", "60 seconds", "The same for a whole request."),
  maxPresenceKeys: count(
    "MAX_PRESENCE_KEYS",
    1_000,
    "Users shown in the presence of one topic; those past it are there, and not shown."
  ),
  maxPresenceMetas: count(
    "MAX_PRESENCE_METAS",
    20,
    "Devices shown for one user in the presence of one topic."
  ),
  maxWatchedUsers: count(
    "MAX_WATCHED_USERS",
    500,
    "Users whose presence one connection may watch, or one request may ask for; more are `invalid`."
  ),
  lastSeenInterval: duration(
    "LAST_SEEN_INTERVAL",
    "1 minute",
    "How often it is put on record that a connected user is there. When they leave is on record at once; a node that is killed takes at most this long with it."
  ),
  longPollWindow: duration(
    "LONG_POLL_WINDOW",
    "10 seconds",
    "How long a long-poll request waits for frames. A session without a request for 1.5 times this long ends."
  ),
  rateLimits: choice(
    "RATE_LIMITS",
    ["on", "off"],
    "on",
    "Whether the limits and the rules of suspicion below, and `MAX_SOCKETS_PER_ADDRESS`, hold. `off` in dev and test only."
  ),
  ...limitSettings,
  maxLimited: int(
    "MAX_LIMITED_SUBJECTS",
    200_000,
    "Users, and addresses, that this node counts at the same time for one limit; past it the oldest are forgotten here."
  ),

  socketIdleTimeout: duration(
    "SOCKET_IDLE_TIMEOUT",
    "60 seconds",
    "A socket that sends nothing for this long is closed (1001)."
  ),
  conversationIdleTimeout: duration(
    "CONVERSATION_IDLE_TIMEOUT",
    "5 minutes",
    "A conversation nobody asks anything of leaves memory."
  ),
  editWindow: duration("EDIT_WINDOW", "24 hours", "How long after the sending a message may be edited."),
  deleteWindow: duration(
    "DELETE_WINDOW",
    "24 hours",
    "How long after the sending its sender may delete a message for everyone. Owners and admins of a group always may."
  ),
  workLease: duration(
    "WORK_LEASE",
    "15 seconds",
    "How long the background work of a node that died waits for another node."
  ),
  retentionInterval: duration(
    "RETENTION_INTERVAL",
    "1 second",
    "How often messages are looked for whose time is over. Nobody sees them any more by then; this is how long their deletion may take."
  ),
  retentionBatch: int("RETENTION_BATCH", 500, "Expired messages deleted in one go."),
  scheduleInterval: duration(
    "SCHEDULE_INTERVAL",
    "1 second",
    "How often scheduled messages are looked for that are due."
  ),
  scheduleBatch: int("SCHEDULE_BATCH", 200, "Scheduled messages sent in one go."),
  maxScheduled: int("MAX_SCHEDULED_MESSAGES", 100, "Messages that one user may have scheduled at a time."),
  maxReadPositions: int(
    "MAX_READ_POSITIONS",
    200,
    "Members of a conversation up to which each is told how far all have read, at a join and by receipts; in a larger one each is told of their own reading."
  ),
  maxTimedMembers: int(
    "MAX_TIMED_MEMBERS",
    32,
    "Members of a conversation up to which it is kept when each message was delivered to and read by each of them; 0 for never. Of larger ones it is known how far everybody is."
  ),
  maxDrafts: int("MAX_DRAFTS", 500, "Drafts of one user, one in each conversation."),
  idempotencyLifetime: duration(
    "IDEMPOTENCY_LIFETIME",
    "24 hours",
    "How long an `Idempotency-Key` names its request, and the answer is given again."
  ),
  idempotencyLease: duration(
    "IDEMPOTENCY_LEASE",
    "1 minute",
    "How long a request with an `Idempotency-Key` may take. One whose node died is run again after that, if it is asked again."
  ),
  cleanupInterval: duration(
    "CLEANUP_INTERVAL",
    "5 minutes",
    "How often what dead nodes have left in Redis, and what is over in the database, is removed. Nobody is shown it meanwhile."
  ),
  metricsInterval: duration(
    "METRICS_INTERVAL",
    "1 minute",
    "How often Redis and the database are asked for figures that `/metrics` shows."
  ),
  askTimeout: duration("ASK_TIMEOUT", "10 seconds", "Deadline of a request to a conversation."),
  drainTimeout: duration("DRAIN_TIMEOUT", "10 seconds", "How long sockets are closed over, at a shutdown."),

  logLevel: choice(
    "LOG_LEVEL",
    ["trace", "debug", "info", "warn", "error"],
    "info",
    "The least severe entries that are logged."
  ),
  logFormat: choice(
    "LOG_FORMAT",
    ["pretty", "json"],
    { local: "pretty", deployed: "json" },
    "How log entries are written."
  ),
  otlpUrl: optional(
    "URL",
    Config.URL,
    "OTLP_URL",
    "An OpenTelemetry collector that takes OTLP over HTTP, such as `http://localhost:4318`: traces, metrics and logs are sent there."
  ),
  otlpHeaders: headers(
    "OTLP_HEADERS",
    "Sent with every request to `OTLP_URL`, such as a key that the collector asks for."
  ),
  otlpInterval: duration("OTLP_INTERVAL", "5 seconds", "How often what there is to tell `OTLP_URL` is sent."),
  otlpTraces: ratio("OTLP_TRACES", 0.1, "Part of the traces that is sent.")
} as const

/** What `docs/configuration.md` shows. */
export const toMarkdownTable = (): string => {
  const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const quoted = (value: string) => (value === "unset" || value === "empty" ? value : `\`${value}\``)
  const defaults = (s: Setting<unknown>) => {
    const [local, deployed] = [s.shown("dev"), s.shown("prod")]
    return local === deployed ? quoted(local) : `${quoted(local)}; in prod and kube ${quoted(deployed)}`
  }
  return [
    row(["variable", "type", "default", "meaning"]),
    row(["---", "---", "---", "---"]),
    row(["`APP_ENV`", AppEnv.map((e) => `\`${e}\``).join(", "), "`dev`", "Chooses the defaults below."]),
    ...Object.values(settings as Record<string, Setting<unknown>>).map((s) =>
      row([`\`${s.name}\``, s.type, defaults(s), s.doc])
    )
  ].join("\n")
}
