/** `messaging-service audit verify`: whether the audit log is the one that was written. */
import { Effect, Option, Schema, SchemaTransformation } from "effect"
import { Command, Flag } from "effect/cli"
import { app } from "./Program.ts"
import { json, print, reporting } from "./Report.ts"

/** For scripts: unlike 1, which says that nobody could look. */
const BROKEN = 3

const Head = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^\d{1,15}:[0-9a-f]{64}$/, { expected: "a head as this command prints it, SEQ:HASH" })
  ),
  Schema.decodeTo(
    Schema.Struct({ seq: Schema.Int, hash: Schema.String }),
    SchemaTransformation.transform({
      decode: (text: string) => {
        const [seq = "", hash = ""] = text.split(":")
        return { seq: Number(seq), hash }
      },
      encode: ({ hash, seq }: { readonly seq: number; readonly hash: string }) => `${seq}:${hash}`
    })
  )
)

const says = {
  missing: "is missing",
  changed: "is not the one that was written",
  cut: "and all that followed it are gone",
  added: "was not appended by this service",
  rewritten: "is another than the one whose head was noted"
} as const

const verify = Command.make(
  "verify",
  {
    head: Flag.String("head").pipe(
      Flag.withDescription("A head that was noted earlier, SEQ:HASH, which must still be part of the log"),
      Flag.withSchema(Head),
      Flag.optional
    ),
    json
  },
  Effect.fnUntraced(function* ({ head: witness, json }) {
    const { flaw, head } = yield* (yield* app).verifyAudit(Option.getOrUndefined(witness))
    const intact = flaw === undefined
    const text = intact
      ? `The audit log is as it was written, ${head.seq} entries. Head: ${head.seq}:${head.hash}`
      : `The audit log is BROKEN: entry ${flaw.seq} ${says[flaw.kind]}`
    yield* print(json, { intact, flaw: flaw ?? null, head }, [text])
    if (!intact) process.exitCode = BROKEN
  }, reporting)
).pipe(Command.withDescription("Check every entry's hash; exit 3 when an entry is changed, missing or moved"))

export const audit = Command.make("audit").pipe(
  Command.withDescription("The audit log"),
  Command.withSubcommands([verify])
)
