/**
 * What does not leave this service is taken out of answers here, for all operations: the cause and the place of an outage
 * (the one table of refusals does not show them either), and whatever a defect has to tell.
 */
import type { FromServerEncoded } from "effect/rpc/RpcMessage"

const INTERNAL = "The service failed at this"

/** A client that asks for what there is not is told so. */
const UNKNOWN = "Unknown request tag:"

const SILENT: ReadonlySet<unknown> = new Set(["Unavailable", "Overloaded"])

const isUnknownRequest = (defect: unknown): boolean =>
  typeof defect === "string" && defect.startsWith(UNKNOWN)

type Failure = Extract<
  Extract<FromServerEncoded, { readonly _tag: "Exit" }>["exit"],
  { readonly _tag: "Failure" }
>["cause"][number]

const sealedReason = (reason: Failure): Failure => {
  switch (reason._tag) {
    case "Die":
      return isUnknownRequest(reason.defect) ? reason : { _tag: "Die", defect: INTERNAL }
    case "Fail": {
      const { _tag } = reason.error as { readonly _tag?: unknown }
      return SILENT.has(_tag) ? { _tag: "Fail", error: { _tag, what: "service" } } : reason
    }
    default:
      return reason
  }
}

export const sealed = (response: FromServerEncoded): FromServerEncoded => {
  if (response._tag === "Defect") return { ...response, defect: INTERNAL }
  if (response._tag !== "Exit" || response.exit._tag === "Success") return response
  return { ...response, exit: { _tag: "Failure", cause: response.exit.cause.map(sealedReason) } }
}
