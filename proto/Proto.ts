/**
 * The four contracts as gRPC libraries want them, read from the `.proto` files beside this one. The server edge and the
 * clients of peers take them from here; their types are in `Contracts.ts`, which is printed from the same files.
 */
import { loadSync, type PackageDefinition } from "@grpc/proto-loader"

export const FILES = ["messaging.proto", "user.proto", "media.proto", "notification.proto"] as const

/** Fields keep their names; 64-bit numbers are JavaScript's, exact up to 2^53; what is absent has its default. */
export const load = (...files: ReadonlyArray<(typeof FILES)[number]>): PackageDefinition =>
  loadSync([...files], {
    includeDirs: [import.meta.dirname],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true
  })
