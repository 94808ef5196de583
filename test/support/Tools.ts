/**
 * The programs that tests drive, as this machine has them. A suite that cannot do without one wraps itself in
 * `describe.skipIf(tools.chromium === undefined)`; in CI a skipped test counts as a failed one.
 */
import { findTools, type Tools } from "../../scripts/tools.mjs"

export const tools: Tools = findTools()

/** The program's path; throws with the way to get it. */
export const requireTool = (name: keyof Tools): string => {
  const path = tools[name]
  if (path !== undefined) return path
  throw new Error(
    `${name} is not on this machine; \`node scripts/bootstrap.mjs test\` installs it or says how`
  )
}
