/**
 * Makes a bare clone ready, before `npm start` and `npm test`: installs the dependencies when they are missing or
 * older than package-lock.json, and sees to it that `node` in an npm script is a Node that runs TypeScript. With the
 * argument `test` it also provides the programs that the tests drive. Quiet and quick when there is nothing to do.
 *
 * Gotcha: this file must run on the Node that a newcomer has, so it is plain JavaScript for Node 20 and imports
 * nothing that has to be installed.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { delimiter, dirname, join, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { findTools } from "./tools.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const linkedNode = join(modules, ".bin", "node")
const inCi = process.env.CI === "true"
const production = process.env.NODE_ENV === "production"

const say = (text) => console.error(`[bootstrap] ${text}`)

const fail = (text) => {
  say(text)
  process.exit(1)
}

/** npm puts node_modules/.bin in front of the PATH of its scripts; npm itself must run without, as it replaces it. */
const outsidePath = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((entry) => !entry.endsWith(`${sep}node_modules${sep}.bin`))
  .join(delimiter)

const run = (command, args, options = {}) =>
  spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    ...options,
    env: { ...process.env, PATH: outsidePath, ...options.env }
  })

// Packages of the system

const canAptInstall = () =>
  process.getuid?.() === 0 && run("apt-get", ["--version"], { stdio: "ignore" }).status === 0

const aptGet = (...args) => {
  // Runlevel 1 keeps Debian from starting the servers; the tests start their own.
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" }
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=120"]
  const { status, stderr } = run("apt-get", [...options, ...args], {
    env,
    stdio: ["ignore", "ignore", "pipe"]
  })
  if (status !== 0) say(`apt-get ${args[0]} failed:\n${stderr}`)
}

const aptInstall = (packages, why) => {
  say(`installing ${packages.join(", ")} with apt-get, ${why}`)
  aptGet("update")
  aptGet("install", "-y", "--no-install-recommends", ...packages)
}

// Dependencies

const readPackages = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages
  } catch {
    return undefined
  }
}

/** What npm noted of its last complete installation against what package-lock.json asks for. */
const dependenciesAreInstalled = () => {
  const installed = readPackages(join(modules, ".package-lock.json"))
  const wanted = readPackages(join(root, "package-lock.json"))
  if (installed === undefined || wanted === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || (production && (entry.dev || entry.devOptional))) return true
    const found = installed[path]
    return found === undefined ? entry.optional === true : found.version === entry.version
  })
}

const installDependencies = () => {
  say("installing dependencies with `npm ci`; this happens once and takes about half a minute")
  const { error, status } = run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])
  if (error !== undefined) fail(`npm could not be started: ${error.message}`)
  if (status !== 0) fail("`npm ci` failed, see above; when that is put right, run the command again")
}

// Node

/** Type stripping without a flag, as package.json's `engines` has it. */
const isSuitable = (version) => {
  const match = /^v?(\d+)\.(\d+)\./.exec(version ?? "")
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > 22 || (major === 22 && minor >= 19)
}

/** What a Node says of its version, or why it does not run. */
const tryNode = (node) => {
  const { error, status, stderr, stdout } = run(node, ["--version"], { stdio: ["ignore", "pipe", "pipe"] })
  if (status === 0) return { version: String(stdout).trim(), problem: "" }
  return { version: undefined, problem: String(error?.message ?? stderr).trim() }
}

const linkedNodeIsSuitable = () => {
  if (!existsSync(linkedNode)) return false
  const isThisProcess = realpathSync(linkedNode) === realpathSync(process.execPath)
  return isSuitable(isThisProcess ? process.version : tryNode(linkedNode).version)
}

/**
 * The dev dependency `node` fetches its binary for this platform in an install script. npm leaves such scripts out
 * under `ignore-scripts` and, from version 11.16, where `allowScripts` in package.json does not name the package.
 */
const runNodeInstallScript = () => {
  const cwd = join(modules, "node")
  if (!existsSync(join(cwd, "installArchSpecificPackage.js"))) return
  say("fetching Node for this platform")
  const quietly = { cwd, stdio: ["ignore", "ignore", "inherit"], env: { npm_config_loglevel: "error" } }
  run(process.execPath, ["installArchSpecificPackage.js"], quietly)
  // npm made no link to a program that was not there yet.
  if (existsSync(linkedNode) || !existsSync(join(cwd, "bin", "node"))) return
  rmSync(linkedNode, { force: true })
  symlinkSync(join("..", "node", "bin", "node"), linkedNode)
}

const ensureNode = () => {
  if (linkedNodeIsSuitable()) return
  const outside = tryNode("node").version
  if (!isSuitable(outside)) {
    if (!existsSync(linkedNode)) runNodeInstallScript()
    // The binaries of Node 26 want a library that a bare Debian does not have.
    const lacksLibrary = existsSync(linkedNode) && /libatomic/.test(tryNode(linkedNode).problem)
    if (lacksLibrary && canAptInstall()) aptInstall(["libatomic1"], "for Node 26")
    if (linkedNodeIsSuitable()) return
  }
  const problem = existsSync(linkedNode) ? tryNode(linkedNode).problem : "it could not be fetched"
  // A binary that does not run here must not stand in the way of one that does.
  rmSync(linkedNode, { force: true })
  if (isSuitable(outside)) return
  say(
    `the Node of the npm package \`node\` does not run here (${process.platform} ${process.arch}): ${problem}`
  )
  if (/libatomic/.test(problem)) say("the library is in the package libatomic1 of Debian and Ubuntu")
  fail(
    `the PATH has ${outside === undefined ? "no Node" : `Node ${outside}`}; put Node 22.19 or later there ` +
      "(26 is what the project is tested with) and run the command again"
  )
}

// Programs that the tests drive

const programs = {
  redisServer: { what: "redis-server", debian: "redis-server", suites: "those on a real Redis" },
  postgresBin: { what: "a Postgres server", debian: "postgresql", suites: "those on a real Postgres" },
  chromium: { what: "Chromium", debian: "chromium", suites: "those in a browser" },
  openssl: { what: "openssl", debian: "openssl", suites: "those over TLS" },
  protoc: { what: "protoc", debian: "protobuf-compiler", suites: "those of a gRPC peer in Python" },
  grpcPython: {
    what: "Python with grpcio",
    debian: "python3-grpcio",
    suites: "those of a gRPC peer in Python"
  }
}

const missingPrograms = () => {
  const tools = findTools()
  return Object.keys(programs)
    .filter((name) => tools[name] === undefined)
    .map((name) => programs[name])
}

const ensurePrograms = () => {
  const wanted = missingPrograms().map((program) => program.debian)
  if (wanted.length === 0) return
  const canInstall = canAptInstall()
  if (canInstall) aptInstall(wanted, "for the tests")
  const missing = missingPrograms()
  if (missing.length === 0) return
  for (const { suites, what } of missing) say(`${what} is not on this machine; suites skipped: ${suites}`)
  if (!canInstall)
    say(`on Debian or Ubuntu: sudo apt-get install ${missing.map(({ debian }) => debian).join(" ")}`)
  if (inCi) fail("in CI no suite may be skipped")
}

if (!dependenciesAreInstalled()) installDependencies()
ensureNode()
if (process.argv[2] === "test") ensurePrograms()
