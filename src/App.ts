/**
 * The composition root: the service as a program and as a Layer, and what its commands do. `app/Services` are the resources,
 * built once from the configuration; `app/Tree` says what runs over them. Only here and there do edges meet layers.
 */
import { Cause, Context, Effect, Exit, Layer } from "effect"
import packageJson from "../package.json" with { type: "json" }
import { RestartIntensityExceeded } from "./actors/process/ExitReason.ts"
import { awaitExit } from "./actors/process/Process.ts"
import { configured } from "./app/Configured.ts"
import { ownIssuer } from "./app/Issuer.ts"
import { services } from "./app/Services.ts"
import { database } from "./app/Storage.ts"
import { tree } from "./app/Tree.ts"
import { DevIssuer as DevIssuerPort, type DevTokenRequest } from "./domain/ports/DevIssuer.ts"
import type { Head } from "./layers/audit/AuditChain.ts"
import * as AuditVerification from "./layers/audit/AuditVerification.ts"
import { AppConfig, ConfigInvalid, layer as configLayer } from "./layers/config/AppConfig.ts"
import { DatabaseUnusable } from "./layers/database/DatabaseUnusable.ts"
import * as Migrations from "./layers/database/Migrations.ts"
import * as Logging from "./layers/telemetry/Logging.ts"
import * as Telemetry from "./layers/telemetry/Telemetry.ts"
import * as Replacements from "./Replacements.ts"
import * as Supervisor from "./supervisors/Supervisor.ts"
import * as Tree from "./supervisors/Tree.ts"

export { type Replaceable, type Replacement, replace } from "./Replacements.ts"

/** What is told of this process while it runs. Where there is a collector, the context also holds a Telemetry, for the tree. */
const observed = configured(
  (config): Layer.Layer<never> =>
    config.otlpUrl === undefined
      ? Layer.empty
      : Telemetry.layer({
          url: config.otlpUrl,
          headers: config.otlpHeaders,
          interval: config.otlpInterval,
          ratio: config.otlpTraces,
          environment: config.env,
          version: packageJson.version
        })
).pipe(Layer.provideMerge(Logging.layer))

/** Runs the service until it is interrupted, or until its tree gives up. */
export const launch = Effect.gen(function* () {
  const running = yield* Tree.Tree
  const { spec } = yield* tree
  yield* Supervisor.launch(spec, running.started)
}).pipe(Effect.provide(services), Effect.provide(observed), Effect.provide(configLayer))

/** The service as a part of another program. */
export class Running extends Context.Service<
  Running,
  {
    readonly httpPort: number
    readonly grpcPort: number
    /** Fails when the tree gives up; never ends otherwise. */
    readonly gaveUp: Effect.Effect<never, RestartIntensityExceeded>
  }
>()("messaging-service/App/Running") {}

const running = Layer.effect(
  Running,
  Effect.gen(function* () {
    const { ports, spec } = yield* tree
    const root = yield* Supervisor.start(spec)
    yield* Effect.flatMap(Tree.Tree, ({ started }) => started(root))
    const gaveUp = Effect.flatMap(awaitExit(root), (exit) => {
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      return error instanceof RestartIntensityExceeded ? Effect.fail(error) : Effect.never
    })
    return Running.of({ ...ports(), gaveUp })
  })
)

/**
 * The service, started with the Layer and stopped with its scope, and all its services. It is configured by the
 * ConfigProvider in scope: the environment, unless another is given.
 */
export const layer = running.pipe(
  Layer.provideMerge(services),
  Layer.provide(observed),
  Layer.provide(configLayer)
)

/** The same, with other implementations of ports: `layerWith({ replace: [replace(Media, myMedia)] })`. */
export const layerWith = (options: { readonly replace: ReadonlyArray<Replacements.Replacement> }) =>
  Layer.provide(layer, Replacements.layer(options.replace))

/** Brings the database up to date, and answers the names of the steps that it applied. */
export const migrate = Migrations.migrate.pipe(
  Effect.provide(database),
  Effect.provide(Logging.layer),
  Effect.provide(configLayer)
)

/** Whether the audit log of the database is the one that was written. */
export const verifyAudit = (witness?: Head) =>
  AuditVerification.verify(witness).pipe(
    Effect.mapError(
      () =>
        new DatabaseUnusable({
          message: "The audit log cannot be read: the database does not answer, or is not migrated"
        })
    ),
    Effect.provide(database),
    Effect.provide(Logging.layer),
    Effect.provide(configLayer)
  )

/** A token of the dev issuer. */
export const devToken = (request: DevTokenRequest) =>
  Effect.gen(function* () {
    const { jwksFile, jwksUrl } = yield* AppConfig
    if (jwksFile === undefined && jwksUrl === undefined) {
      return yield* Effect.provide(
        Effect.flatMap(DevIssuerPort, (issuer) => issuer.issue(request)),
        ownIssuer
      )
    }
    return yield* new ConfigInvalid({
      message: "JWT_JWKS_URL or JWT_JWKS_FILE is set: tokens come from their issuer, not from this service"
    })
  }).pipe(Effect.provide(configLayer))
