/**
 * The commands of the process. An orderly stop (SIGTERM, Ctrl-C) exits 0, a failure 1 with one line that says what to
 * do, a command line that cannot be understood 2 with help.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Predicate, type Runtime } from "effect"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import packageJson from "../package.json" with { type: "json" }
import { audit } from "./cli/Audit.ts"
import { doctor } from "./cli/Doctor.ts"
import { migrate } from "./cli/Migrate.ts"
import * as Start from "./cli/Start.ts"
import { token } from "./cli/Token.ts"
import { ChildStartFailed } from "./supervisors/SupervisorErrors.ts"

const start = Command.make("start", Start.flags, Start.start).pipe(
  Command.withDescription("Start the service; so does the command without a name")
)

const root = Command.make("messaging-service", Start.flags, Start.start).pipe(
  Command.withDescription(
    "A realtime messaging backend. docs/configuration.md lists its environment variables"
  ),
  Command.withSubcommands([start, migrate, token, doctor, audit])
)

/** The failure behind supervisors that gave up because of it. */
const origin = (error: unknown): unknown => (error instanceof ChildStartFailed ? origin(error.cause) : error)

/** A failure that we expect is one plain line; anything else is logged whole. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = origin(Cause.squash(cause))
  if (CliError.isCliError(error)) return Effect.void
  return Predicate.hasProperty(error, "_tag") && error instanceof Error
    ? Effect.sync(() => process.stderr.write(`messaging-service: ${error.message}\n`))
    : Effect.logFatal("The service ended", cause)
}

/** The library has more of these, which would start a service by question and answer, and set a level that `LOG_LEVEL` sets. */
const builtIns = [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions]

const program = Command.runWith(root, { version: packageJson.version })(process.argv.slice(2)).pipe(
  Effect.tapCause(explain),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns })])
)

const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return Number(process.exitCode ?? 0)
  return CliError.isCliError(Cause.squash(exit.cause)) ? 2 : 1
}

const teardown: Runtime.Teardown = (exit, onExit) => onExit(codeOf(exit))

export const run = (): void => NodeRuntime.runMain(program, { disableErrorReporting: true, teardown })
