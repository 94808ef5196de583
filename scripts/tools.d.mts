export interface Tools {
  /** The redis-server program. */
  readonly redisServer: string | undefined
  /** The directory that holds initdb and postgres. */
  readonly postgresBin: string | undefined
  /** A Chromium or Chrome program. */
  readonly chromium: string | undefined
  readonly openssl: string | undefined
  /** The compiler of .proto files. */
  readonly protoc: string | undefined
  /** A Python with grpcio and protobuf. */
  readonly grpcPython: string | undefined
}

export const findTools: (env?: Readonly<Record<string, string | undefined>>) => Tools
