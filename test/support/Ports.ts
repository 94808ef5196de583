/**
 * Free TCP ports of the loopback interface for servers that cannot bind port 0 and tell. Ports come from below the
 * range that the kernel takes outgoing connections from, so a server that is killed and started again finds its port
 * still free; a file per port keeps two workers of one run from taking the same.
 */
import { randomInt } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { runRoot } from "./TempDir.ts"

const lowest = 12_000
const highest = 32_000

const reserved = (port: number): boolean => {
  const directory = join(runRoot(), "ports")
  mkdirSync(directory, { recursive: true })
  try {
    writeFileSync(join(directory, String(port)), "", { flag: "wx" })
    return true
  } catch {
    return false
  }
}

const bindable = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** A port that nothing listens on and that this run has not handed out before. */
export const take = async (): Promise<number> => {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = randomInt(lowest, highest)
    if (reserved(port) && (await bindable(port))) return port
  }
  throw new Error(`no free port between ${lowest} and ${highest}`)
}

export const free = (): Effect.Effect<number> => Effect.promise(take)
