/**
 * Several processes of the service on one host, one for each core, that share its ports: each is a node of a cluster, and
 * a supervisor starts again what dies. Nothing passes through this process: the kernel spreads the connections.
 */
import { createServer } from "node:net"
import { ConfigProvider, Data, Effect, Layer } from "effect"
import { ChildProcess } from "effect/process"
import { AppConfig, layer as configLayer } from "../layers/config/AppConfig.ts"
import * as Logging from "../layers/telemetry/Logging.ts"
import * as ChildSpec from "../supervisors/ChildSpec.ts"
import * as Supervisor from "../supervisors/Supervisor.ts"

/** A worker has ended of its own accord. */
class WorkerEnded extends Data.TaggedError("WorkerEnded")<{ readonly message: string }> {}

/** A port that is free now; workers that share one must be told the same. */
const freePort = (host: string): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.listen(0, host, () => {
      const address = server.address()
      const port = typeof address === "object" ? (address?.port ?? 0) : 0
      server.close(() => resume(Effect.succeed(port)))
    })
  })

const entry = process.argv[1] ?? ""

/** What makes a process one of several. */
const clustered = { CLUSTER: "on", NODE_PORT: "0", SHARED_PORT: "true" }

/** A wrong environment is told once, here, and not by every worker. */
const config = configLayer.pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...process.env, ...clustered } })))
)

/** Runs `count` workers until it is interrupted; each drains before it ends. */
export const launch = Effect.fnUntraced(
  function* (count: number) {
    const { grpcPort, host, port } = yield* AppConfig
    const shared = (port: number) => (port === 0 ? freePort(host) : Effect.succeed(port))
    const env = {
      ...clustered,
      PORT: String(yield* shared(port)),
      GRPC_PORT: String(yield* shared(grpcPort))
    }
    const worker = Effect.gen(function* () {
      const running = yield* ChildProcess.make(process.execPath, [entry, "start", "--leashed"], {
        env,
        extendEnv: true,
        stdin: "pipe",
        stdout: "inherit",
        stderr: "inherit"
      })
      const code = yield* running.exitCode
      return yield* new WorkerEnded({ message: `A worker ended with code ${code}` })
    })
    yield* Supervisor.launch({
      id: "Workers",
      strategy: "one_for_one",
      intensity: { maxRestarts: 5, within: "1 minute" },
      children: Array.from({ length: count }, (_, i) =>
        ChildSpec.worker({ id: `worker-${i + 1}`, run: Effect.scoped(worker), shutdown: "infinity" })
      )
    })
  },
  Effect.provide(Logging.layer),
  Effect.provide(config)
)
