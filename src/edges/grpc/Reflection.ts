/**
 * The reflection service, by which tools such as grpcurl learn what may be called: our contract and that of the health
 * service.
 *
 * Gotcha: the library that reads the contracts describes the entries of a map under other names than the protobuf
 * compiler gives them, and libraries of other languages refuse such a description whole. Here they get their names.
 */
import type { Server } from "@grpc/grpc-js"
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"
import { protoPath as healthContract } from "grpc-health-check"

interface Field {
  readonly name: string
  typeName?: string
}

/** Of google/protobuf/descriptor.proto, what is looked at. */
interface Message {
  name: string
  readonly field?: ReadonlyArray<Field>
  readonly nestedType?: ReadonlyArray<Message>
  readonly options?: { readonly mapEntry?: boolean }
}

interface File {
  readonly messageType?: ReadonlyArray<Message>
}

const FILE = "google.protobuf.FileDescriptorProto"

/** `custom_metadata`: `CustomMetadataEntry`. */
const entryName = (field: string): string =>
  `${field.replaceAll(/(?:^|_+)([a-z]?)/g, (_, first: string) => first.toUpperCase())}Entry`

const nameEntries = ({ field = [], nestedType = [] }: Message): void => {
  for (const nested of nestedType) {
    nameEntries(nested)
    if (nested.options?.mapEntry !== true) continue
    const owner = field.find(({ typeName }) => typeName === nested.name)
    if (owner === undefined) continue
    nested.name = entryName(owner.name)
    owner.typeName = nested.name
  }
}

const described = (contracts: PackageDefinition): PackageDefinition => {
  const { deserialize, serialize } = loadSync("google/protobuf/descriptor.proto")[
    FILE
  ] as MessageTypeDefinition<object, File>
  const named = (bytes: Buffer): Buffer => {
    const file = deserialize(bytes)
    for (const message of file.messageType ?? []) nameEntries(message)
    return serialize(file)
  }
  const definitions = Object.entries(contracts).map(([name, definition]) => [
    name,
    "fileDescriptorProtos" in definition && Array.isArray(definition.fileDescriptorProtos)
      ? { ...definition, fileDescriptorProtos: definition.fileDescriptorProtos.map(named) }
      : definition
  ])
  return Object.fromEntries(definitions)
}

export const addTo = (server: Server, contract: PackageDefinition): void =>
  new ReflectionService(described({ ...contract, ...loadSync(healthContract) })).addToServer(server)
