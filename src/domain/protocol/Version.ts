/** Which serializer a connection speaks, by the `vsn` it asked for. */
import type { Serializer } from "./Frame.ts"
import { v1 } from "./V1.ts"
import { v2 } from "./V2.ts"

/** A whole semantic version: three numbers without leading zeros, then perhaps a pre-release and a build. */
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-.]+)?(\+[0-9A-Za-z-.]+)?$/

/** Version 1 is `>=1.0.0 <1.1.0`, version 2 `>=2.0.0 <2.1.0`; a missing `vsn` means 1. `undefined`: refuse. */
export const negotiate = (vsn: string | undefined): Serializer | undefined => {
  const match = semver.exec(vsn ?? "1.0.0")
  if (match === null) return undefined
  const [, major, minor, patch, preRelease] = match
  // A pre-release comes before its release: 2.0.0-rc.1 is below the range.
  if (minor !== "0" || (patch === "0" && preRelease !== undefined)) return undefined
  if (major === "1") return v1
  return major === "2" ? v2 : undefined
}
