/**
 * Who may import whom: checks every file under src against the table below, and that no files import each other in a
 * circle. For the directions imports of types count like all others; what a file must not know, it must not know by
 * name either. A circle of types alone is none at run time, and some types are recursive by nature: a child's
 * specification may hold a supervisor's, which holds children's. As directions count types, it stays within one area.
 *
 * Reads the syntax tree, so comments and strings do not matter. An argument names another root than this project's.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { parseAst } from "vitest/node"

/**
 * The areas of the code and what each may import beside itself; the first area whose pattern fits a file is its own.
 * `processes` and `supervision` are the parts of their folders that know nothing of messaging: actors stand on both.
 */
const areas = [
  { name: "domain", files: /^src\/domain\//, imports: [] },
  { name: "processes", files: /^src\/actors\/process\//, imports: ["domain"] },
  // The concrete supervisors come first, for the pattern of the generic library takes the whole folder.
  {
    name: "supervisors",
    files: /^src\/supervisors\/(Application|(?!Dynamic|Static)\w+Supervisor)\.ts$/,
    imports: ["domain", "processes", "supervision", "actors"]
  },
  { name: "supervision", files: /^src\/supervisors\//, imports: ["processes"] },
  { name: "actors", files: /^src\/actors\//, imports: ["domain", "processes", "supervision"] },
  {
    name: "edges",
    files: /^src\/edges\//,
    imports: ["domain", "processes", "supervision", "actors", "supervisors", "contracts", "rpc"]
  },
  { name: "rpc", files: /^src\/rpc\//, imports: ["domain"] },
  { name: "client", files: /^src\/client\//, imports: ["domain", "rpc"] },
  {
    name: "workers",
    files: /^src\/workers\//,
    imports: ["domain", "processes", "supervision", "actors"]
  },
  { name: "layers", files: /^src\/layers\//, imports: ["domain", "migrations", "contracts"] },
  { name: "migrations", files: /^migrations\//, imports: [] },
  { name: "contracts", files: /^proto\//, imports: [] },
  {
    name: "composition",
    files: /^src\/((app|cli|testing)\/)?[^/]+\.ts$/,
    imports: [
      "domain",
      "processes",
      "supervision",
      "actors",
      "supervisors",
      "workers",
      "edges",
      "layers",
      "migrations",
      "rpc"
    ]
  }
]

/** Packages, for the areas that may not import any. */
const packages = {
  domain: {
    modules: /^effect(\/[A-Z]\w*)?$/,
    // Pure they are not, though they are exported beside those that are.
    names: ["FileSystem", "Path", "PlatformError", "Stdio", "Terminal"],
    rule: "the domain imports only pure modules of effect: no I/O, no platform, no other package"
  },
  rpc: {
    modules: /^effect(\/rpc)?$/,
    names: [],
    rule: "what is asked by RPC is told by schemas alone"
  },
  client: {
    modules: /^effect(\/\w+)?$/,
    names: [],
    rule: "the client runs in a browser, too: it needs nothing but effect"
  }
}

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)))

const areaOf = (file) => areas.find((area) => area.files.test(file))

function* nodesOf(node) {
  if (Array.isArray(node)) {
    for (const child of node) yield* nodesOf(child)
  } else if (node !== null && typeof node === "object" && typeof node.type === "string") {
    yield node
    for (const child of Object.values(node)) yield* nodesOf(child)
  }
}

const isImport = (node) =>
  /^(Import(Declaration|Expression)|Export(Named|All)Declaration|TSImportType)$/.test(node.type)

/** `new URL("./x.ts", import.meta.url)`, by which a worker names its file. */
const urlOf = (node) =>
  node.type === "NewExpression" &&
  node.callee.name === "URL" &&
  node.arguments[1]?.object?.type === "MetaProperty"
    ? node.arguments[0]
    : undefined

/** Gone at run time, unlike `import { type A }`, of which an import without names stays. */
const isOfTypes = (node) =>
  node.type === "TSImportType" || node.importKind === "type" || node.exportKind === "type"

const importsOf = (file) => {
  const text = readFileSync(join(root, file), "utf8")
  const found = []
  for (const node of nodesOf(parseAst(text, { lang: "ts" }))) {
    const source = isImport(node) ? node.source : urlOf(node)
    if (typeof source?.value !== "string") continue
    const names = (node.specifiers ?? []).map((specifier) => specifier.imported?.name ?? "*")
    const line = text.slice(0, node.start).split("\n").length
    const target = source.value.startsWith(".")
      ? relative(root, join(root, dirname(file), source.value))
      : undefined
    found.push({ module: source.value, target, names, isOfTypes: isOfTypes(node), where: `${file}:${line}` })
  }
  return found
}

const relativeProblem = (area, { module, target, where }) => {
  if (!existsSync(join(root, target))) return `${where} imports ${module}, which does not exist`
  if (!target.endsWith(".ts")) return undefined
  const other = areaOf(target)
  if (other === area || area.imports.includes(other?.name)) return undefined
  const allowed = [area.name, ...area.imports].join(", ")
  return `${where} imports ${target} (${other?.name ?? "outside src"}); ${area.name} may import ${allowed}`
}

const packageProblem = (area, { module, names, where }) => {
  const limits = packages[area.name]
  if (limits === undefined) return undefined
  const name = names.find((name) => limits.names.includes(name)) ?? ""
  const submodule = module.split("/")[1] ?? ""
  if (limits.modules.test(module) && name === "" && !limits.names.includes(submodule)) return undefined
  return `${where} imports ${[name, module].filter(Boolean).join(" from ")}; ${limits.rule}`
}

/** Each circle once, as the list of its files. */
const cyclesIn = (graph) => {
  const cycles = []
  const done = new Set()
  const visit = (file, path) => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file])
    if (start >= 0 || done.has(file)) return
    for (const target of graph.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return cycles
}

const problems = []
const graph = new Map()
for (const file of globSync(["src/**/*.ts", "migrations/**/*.ts", "proto/**/*.ts"], { cwd: root }).sort()) {
  const area = areaOf(file)
  if (area === undefined) {
    problems.push(`${file} is in no area; add its folder to the table in scripts/check-imports.mjs`)
    continue
  }
  const imports = importsOf(file)
  for (const one of imports) {
    problems.push(one.target === undefined ? packageProblem(area, one) : relativeProblem(area, one))
  }
  const atRunTime = imports.filter((one) => one.target !== undefined && !one.isOfTypes)
  graph.set(file, new Set(atRunTime.map(({ target }) => target)))
}
problems.push(...cyclesIn(graph).map((cycle) => `circle: ${cycle.join(" → ")}`))

const found = problems.filter(Boolean)
for (const problem of found) console.error(problem)
if (found.length > 0) process.exit(1)
console.log(`imports: ${graph.size} files keep to their directions, no circles at run time`)
