/**
 * Prints proto/Contracts.ts, the types of the gRPC contracts, from the .proto files:
 * `node scripts/print-contracts.mjs > proto/Contracts.ts`. With `--check` it prints nothing, and fails when the file is
 * not what would be printed.
 */
import { readFileSync } from "node:fs"
import { FILES, load } from "../proto/Proto.ts"

const scalars = {
  TYPE_STRING: "string",
  TYPE_BOOL: "boolean",
  TYPE_INT32: "number",
  TYPE_INT64: "number"
}

const single = ({ type, typeName }) => {
  if (type === "TYPE_MESSAGE" || type === "TYPE_ENUM") return typeName
  if (scalars[type] === undefined) throw new Error(`no TypeScript type for ${type}; add it to the table`)
  return scalars[type]
}

/** A map is a repeated message of a key and a value, nested in the one that has the field. */
const mapValue = (message, field) => {
  const entry = message.nestedType.find(
    ({ name }) => field.type === "TYPE_MESSAGE" && name === field.typeName
  )
  return entry?.field.find(({ name }) => name === "value")
}

const typeOf = (message, field) => {
  const value = mapValue(message, field)
  if (value !== undefined) return `Readonly<Record<string, ${single(value)}>>`
  if (field.label === "LABEL_REPEATED") return `ReadonlyArray<${single(field)}>`
  return field.type === "TYPE_MESSAGE" ? `${single(field)} | null` : single(field)
}

const contracts = Object.entries(load(...FILES))
const ofFormat = (format) => contracts.filter(([, definition]) => definition.format === format)

const enums = ofFormat("Protocol Buffer 3 EnumDescriptorProto").map(
  ([, { type }]) => `export type ${type.name} = ${type.value.map(({ name }) => `"${name}"`).join(" | ")}\n`
)

const messages = ofFormat("Protocol Buffer 3 DescriptorProto").map(([, { type }]) => {
  const fields = type.field.map((field) => `  readonly ${field.name}: ${typeOf(type, field)}\n`)
  return `export interface ${type.name} {\n${fields.join("")}}\n`
})

const services = ofFormat(undefined).map(([name, methods]) => {
  const typed = Object.entries(methods).map(([method, { requestType, responseType }]) =>
    [
      `    readonly ${method}: {\n`,
      `      readonly request: ${requestType.type.name}\n`,
      `      readonly response: ${responseType.type.name}\n`,
      "    }\n"
    ].join("")
  )
  return `  readonly "${name}": {\n${typed.join("")}  }\n`
})

const printed = [
  "// Printed from the .proto files: `node scripts/print-contracts.mjs > proto/Contracts.ts`.\n",
  ...enums,
  ...messages,
  `/** What each method takes and answers. */\nexport interface Services {\n${services.join("")}}\n`
].join("\n")

if (process.argv[2] !== "--check") {
  process.stdout.write(printed)
} else if (readFileSync(new URL("../proto/Contracts.ts", import.meta.url), "utf8") !== printed) {
  console.error("proto/Contracts.ts is not what the .proto files say; print it again: see its first line")
  process.exit(1)
} else {
  console.log("contracts: proto/Contracts.ts agrees with the .proto files")
}
