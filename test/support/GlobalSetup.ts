/**
 * Runs in vitest's own process, before the first worker: makes the run's temporary root there, so that all workers
 * share it (one `initdb`, no port twice) and it goes when the whole run is over, not with the first worker.
 */
import { rmSync } from "node:fs"
import { runRoot } from "./TempDir.ts"

export default function setup() {
  if (!process.features.typescript) {
    throw new Error(
      `Node ${process.version} does not run TypeScript; start the tests by \`npm test\` or \`npx vitest\``
    )
  }
  const root = runRoot()
  return () => rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}
