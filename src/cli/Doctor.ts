/** `messaging-service doctor`: says what is wrong with what the service needs, and what to do about it. See `Checks`. */
import { Effect } from "effect"
import { Command } from "effect/cli"
import type { Checked } from "./Checks.ts"
import { json, print } from "./Report.ts"

const mark = { ok: "ok     ", warning: "warning", failed: "FAILED " }

const lines = ({ advice, check, detail, status }: Checked): ReadonlyArray<string> => [
  `${mark[status]}  ${check}: ${detail}`,
  ...(advice === undefined ? [] : [`         ${advice}`])
]

export const doctor = Command.make(
  "doctor",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    const { examine } = yield* Effect.promise(() => import("./Checks.ts"))
    const checks: ReadonlyArray<Checked> = yield* examine
    yield* print(json, { checks }, checks.flatMap(lines))
    if (checks.some(({ status }) => status === "failed")) process.exitCode = 1
  })
).pipe(Command.withDescription("Look at everything the service needs; exit 1 when something is not right"))
