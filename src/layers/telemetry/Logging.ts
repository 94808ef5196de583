/** How this process logs: pretty for people, JSON lines for machines, from a least level on. */
import { Effect, Layer, Logger, References } from "effect"
import { AppConfig } from "../config/AppConfig.ts"

const levels = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { logFormat, logLevel } = yield* AppConfig
    // The pretty logger asks by itself where to write.
    const lines = (yield* Logger.LogToStderr) ? Logger.withConsoleError : Logger.withConsoleLog
    const logger = logFormat === "json" ? lines(Logger.formatJson) : Logger.consolePretty()
    return Layer.mergeAll(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, levels[logLevel]))
  })
)
