/**
 * What `npm pack` packs: the sources as JavaScript with their types, since Node runs no TypeScript below node_modules,
 * and beside them the files that they read.
 */
import { spawnSync } from "node:child_process"
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, "dist")

rmSync(dist, { recursive: true, force: true })
const { status } = spawnSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
if (status !== 0) process.exit(status ?? 1)

// The compiler rewrites the names of files in imports, not in the URLs by which workers name theirs.
for (const file of globSync("**/*.js", { cwd: dist })) {
  const path = join(dist, file)
  const text = readFileSync(path, "utf8")
  const rewritten = text.replace(/(new URL\("\.[^"]*)\.ts("\s*,\s*import\.meta\.url\))/g, "$1.js$2")
  if (rewritten !== text) writeFileSync(path, rewritten)
}

cpSync(join(root, "web"), join(dist, "web"), { recursive: true })
for (const file of globSync("proto/*.proto", { cwd: root })) cpSync(join(root, file), join(dist, file))
