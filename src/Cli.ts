/**
 * The commands of the process: `start`, the default, and `migrate`, which only brings the database up to date. An
 * orderly stop (SIGTERM, Ctrl-C) exits 0, a failure 1 with one line that says what to do.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Predicate, type Runtime } from "effect"
import * as App from "./App.ts"
import { ChildStartFailed } from "./supervisors/SupervisorErrors.ts"

const commands = { start: App.launch, migrate: App.migrate }

const isCommand = (name: string): name is keyof typeof commands => Object.hasOwn(commands, name)

const name = process.argv[2] ?? "start"

/** The failure behind supervisors that gave up because of it. */
const root = (error: unknown): unknown => (error instanceof ChildStartFailed ? root(error.cause) : error)

/** A failure that we expect is one plain line; anything else is logged whole. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = root(Cause.squash(cause))
  return Predicate.hasProperty(error, "_tag") && error instanceof Error
    ? Effect.sync(() => process.stderr.write(`messaging-service: ${error.message}\n`))
    : Effect.logFatal("The service ended", cause)
}

const program = Effect.gen(function* () {
  if (isCommand(name)) return yield* Effect.tapCause(commands[name], explain)
  process.stderr.write(`There is no command "${name}". Commands: ${Object.keys(commands).join(", ")}\n`)
  process.exitCode = 2
})

const teardown: Runtime.Teardown = (exit, onExit) =>
  onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 0) : 1)

export const run = (): void => NodeRuntime.runMain(program, { disableErrorReporting: true, teardown })
