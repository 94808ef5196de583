/**
 * The configuration of one process, read once from the environment. A wrong value fails the start with a
 * message that names its variable.
 */
import { Config, Context, Effect, Layer, Schema, SchemaIssue } from "effect"
import { AppEnv, type Setting } from "./SettingKinds.ts"
import { settings } from "./Settings.ts"

type Values = {
  readonly [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer A> ? A : never
}

export class AppConfig extends Context.Service<AppConfig, Values & { readonly env: AppEnv }>()(
  "messaging-service/layers/config/AppConfig"
) {}

/** The environment asks for something impossible. `message` names the variable and what it must be. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  message: Schema.String
}) {}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** `PORT: Expected a value between 0 and 65535` */
const explain = ({ cause }: Config.ConfigError): string =>
  Schema.isSchemaError(cause)
    ? issuesOf(cause.issue)
        .issues.map(({ message, path = [] }) => `${path.map(String).join(".")}: ${message}`)
        .join("; ")
    : cause.message

const isLocal = (env: AppEnv): boolean => env === "dev" || env === "test"

const read = Effect.gen(function* () {
  const env = yield* Config.Literals(AppEnv, "APP_ENV").pipe(Config.withDefault("dev" as const))
  const configs: Record<string, Config.Config<unknown>> = {}
  for (const [key, setting] of Object.entries(settings as Record<string, Setting<unknown>>)) {
    configs[key] = setting.config(env)
  }
  const values = (yield* Config.all(configs)) as Values
  if (!isLocal(env) && values.jwksUrl === undefined && values.jwksFile === undefined) {
    return yield* new ConfigInvalid({
      message: `JWT_JWKS_URL or JWT_JWKS_FILE must be set when APP_ENV is ${env}: there is no dev issuer there`
    })
  }
  if (!isLocal(env) && values.rateLimits === "off") {
    return yield* new ConfigInvalid({
      message: `RATE_LIMITS must be on when APP_ENV is ${env}; each limit has a variable of its own`
    })
  }
  if (values.cluster === "on" && (values.databaseUrl === undefined || values.redisUrl === undefined)) {
    return yield* new ConfigInvalid({
      message:
        "CLUSTER is on, as it is with --workers, and needs DATABASE_URL and REDIS_URL, which its nodes share"
    })
  }
  return AppConfig.of({ ...values, env })
}).pipe(
  Effect.catchTag("ConfigError", (error) => Effect.fail(new ConfigInvalid({ message: explain(error) })))
)

/** Reads the process's environment (through the ConfigProvider in scope). */
export const layer = Layer.effect(AppConfig, read)
