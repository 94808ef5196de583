/**
 * docs/dependencies.md gives a reason for every package; this fails when it and package.json do not name the same
 * packages in the same sections.
 */
import { readFileSync } from "node:fs"

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

const manifest = JSON.parse(read("package.json"))
const page = "docs/dependencies.md"

const documented = (heading) => {
  const section = read(page).split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? ""
  return [...section.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)]
    .filter(([, , why]) => why.trim() !== "")
    .map(([, name]) => name)
}

const problemsIn = (heading, dependencies) => {
  const names = Object.keys(dependencies)
  const onPage = documented(heading)
  return [
    ...names
      .filter((name) => !onPage.includes(name))
      .map((name) => `${page} gives no reason for ${name} in "${heading}"`),
    ...onPage
      .filter((name) => !names.includes(name))
      .map((name) => `${page} names ${name} in "${heading}", package.json does not`)
  ]
}

const problems = [
  ...problemsIn("At run time", manifest.dependencies),
  ...problemsIn("For development", manifest.devDependencies)
]
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)
console.log("dependencies: package.json and docs/dependencies.md agree")
