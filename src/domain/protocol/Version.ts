/** Which serializer a connection speaks, by the `vsn` it asked for. */
import type { Serializer } from "./Frame.ts"
import { v1 } from "./V1.ts"
import { v2 } from "./V2.ts"

const semver = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/

/** Version 1 is `>=1.0.0 <1.1.0`, version 2 `>=2.0.0 <2.1.0`; a missing `vsn` means 1. `undefined`: refuse. */
export const negotiate = (vsn: string | undefined): Serializer | undefined => {
  const match = semver.exec(vsn ?? "1.0.0")
  if (match === null || match[2] !== "0") return undefined
  if (match[1] === "1") return v1
  return match[1] === "2" ? v2 : undefined
}
