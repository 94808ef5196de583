/**
 * The whole service inside a test: every resource, the supervision tree, real ports that are free, a database of its
 * own in a directory that goes with the scope. No other service is needed.
 *
 *     layer(TestApp.layer(), { excludeTestServices: true })("My bot", (it) => {
 *       it.effect("answers", () => Effect.gen(function* () {
 *         const app = yield* TestApp.TestApp
 *         const { token } = yield* app.token()
 *       }))
 *     })
 *
 * Gotcha: it runs on the machine's clock, whatever clock the test has. What the test itself calls of its services runs on
 * the test's: exclude the test services, or a message sent by `Conversations` is of 1970.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clock, ConfigProvider, Context, Effect, Layer, Option } from "effect"
import * as App from "../App.ts"
import { Unavailable } from "../domain/Errors.ts"
import { DevIssuer, type DevToken, type DevTokenRequest } from "../domain/ports/DevIssuer.ts"
import type { Replacement } from "../Replacements.ts"

export { type Replaceable, type Replacement, replace } from "../Replacements.ts"

export interface TestAppOptions {
  /** Environment variables, over the defaults of `APP_ENV=test`; the process's own are not read. */
  readonly env?: Readonly<Record<string, string>>
  /** Other implementations of ports: `[replace(Media, myMedia)]`. */
  readonly replace?: ReadonlyArray<Replacement>
}

export class TestApp extends Context.Service<
  TestApp,
  {
    /** `http://127.0.0.1:<port>` */
    readonly url: string
    /** `ws://127.0.0.1:<port>/socket`, as a Phoenix client takes it. */
    readonly wsUrl: string
    /** `127.0.0.1:<port>` */
    readonly grpcAddress: string
    /** A token of the dev issuer, unless `env` names another issuer; ids that are left out are made up. */
    readonly token: (request?: DevTokenRequest) => Effect.Effect<DevToken, Unavailable>
  }
>()("messaging-service/testing/TestApp") {}

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "messaging-service-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
)

const app = Layer.effect(
  TestApp,
  Effect.gen(function* () {
    const { grpcPort, httpPort } = yield* App.Running
    const issuer = yield* Effect.serviceOption(DevIssuer)
    const clock = yield* Clock.Clock
    return TestApp.of({
      url: `http://127.0.0.1:${httpPort}`,
      wsUrl: `ws://127.0.0.1:${httpPort}/socket`,
      grpcAddress: `127.0.0.1:${grpcPort}`,
      token: (request = {}) =>
        Option.match(issuer, {
          onNone: () => Effect.fail(new Unavailable({ what: "dev issuer" })),
          onSome: ({ issue }) => Effect.provideService(issue(request), Clock.Clock, clock)
        })
    })
  })
)

const configuration = (env: Readonly<Record<string, string>>) =>
  Layer.unwrap(
    Effect.map(directory, (dataDir) => {
      const own = {
        APP_ENV: "test",
        HOST: "127.0.0.1",
        PORT: "0",
        GRPC_PORT: "0",
        LOG_LEVEL: "warn",
        RATE_LIMITS: "off"
      }
      return ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...own, DATA_DIR: dataDir, ...env } }))
    })
  )

/** Starts the service, and provides with `TestApp` all its services, `Conversations` among them. */
export const layer = ({ env = {}, replace = [] }: TestAppOptions = {}) =>
  app.pipe(
    Layer.provideMerge(App.layerWith({ replace })),
    Layer.provide(configuration(env)),
    Layer.provide(Layer.succeed(Clock.Clock, Clock.Clock.defaultValue()))
  )
