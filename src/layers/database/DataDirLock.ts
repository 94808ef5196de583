/**
 * One process per data directory: two embedded databases on the same files would destroy them. The lock is a file
 * naming its owner; it is stale, and taken over, when that process is gone. A process id alone does not tell, since
 * ids are reused (in a container after every restart), so the file also names the owner's start, where the system
 * shows it.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

interface Owner {
  readonly pid: number
  /** Clock ticks from boot to the process's start, after the boot's id; empty where the system does not show it. */
  readonly started: string
}

/** Held by this process: two databases of one process conflict as two processes do. */
const held = new Set<string>()

/** Of `/proc/<pid>/stat`, what follows the program's name, which stands in parentheses and may hold anything. */
const statOf = (pid: number): ReadonlyArray<string> => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

const startOf = (pid: number): string => {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    return `${boot}:${statOf(pid)[19]}`
  } catch {
    return ""
  }
}

/** A process that has ended but whose parent has not asked for its exit code still takes signals. */
const isZombie = (pid: number): boolean => {
  try {
    return /[ZX]/.test(statOf(pid)[0]!)
  } catch {
    return false
  }
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

const readOwner = (path: string): Owner | undefined => {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (typeof owner !== "object" || owner === null) return undefined
    const { pid, started } = owner as Partial<Owner>
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : undefined
  } catch {
    return undefined
  }
}

const isAlive = (owner: Owner, path: string): boolean => {
  if (owner.pid === process.pid && !held.has(path)) return false
  if (!exists(owner.pid)) return false
  return owner.started === "" || owner.started === startOf(owner.pid)
}

const take = (path: string): boolean => {
  try {
    const file = openSync(path, "wx", 0o600)
    writeSync(file, JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Owner))
    closeSync(file)
    held.add(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

/** Takes the lock of a directory, creating the directory. Answers the owner's pid when another one has it. */
export const acquire = (directory: string): { readonly ownedBy: number | undefined } => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, "lock")
  if (take(path)) return { ownedBy: undefined }
  const owner = readOwner(path)
  if (owner !== undefined && isAlive(owner, path)) return { ownedBy: owner.pid }
  rmSync(path, { force: true })
  return take(path) ? { ownedBy: undefined } : { ownedBy: readOwner(path)?.pid ?? 0 }
}

export const release = (directory: string): void => {
  const path = join(directory, "lock")
  if (held.delete(path)) rmSync(path, { force: true })
}
