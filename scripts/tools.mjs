/**
 * Where the programs are that the tests drive: redis-server, a Postgres server, Chromium, Python's gRPC. Owns the search, shared by
 * the bootstrap script (which installs what is missing) and by test/support (which starts them).
 */
import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const onPath = (name, env) =>
  (env.PATH ?? "")
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find(isExecutable)

const firstOf = (candidates) => candidates.find((path) => path !== undefined && isExecutable(path))

const isPostgres = (directory) =>
  directory !== undefined && ["initdb", "postgres"].every((name) => isExecutable(join(directory, name)))

const debianPostgres = () => {
  const root = "/usr/lib/postgresql"
  try {
    const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a))
    return versions.map((version) => join(root, version, "bin"))
  } catch {
    return []
  }
}

const postgresBin = (env) => {
  const named = onPath("initdb", env)
  // A link on the PATH may stand alone; the other programs are beside the file that it points to.
  const resolved = named === undefined ? [] : [dirname(named), dirname(realpathSync(named))]
  return [env.POSTGRES_BIN, ...resolved, ...debianPostgres()].find(isPostgres)
}

/** The Python of Debian, which has its packages apart from any other Python. */
const grpcPython = (env) => {
  const modules = ["grpc", "google/protobuf"].map((name) => `/usr/lib/python3/dist-packages/${name}`)
  return (
    env.GRPC_PYTHON ?? (modules.every((path) => existsSync(path)) ? firstOf(["/usr/bin/python3"]) : undefined)
  )
}

/** The paths of what is there; what is not is undefined. */
export const findTools = (env = process.env) => ({
  redisServer: firstOf([env.REDIS_SERVER, onPath("redis-server", env), onPath("valkey-server", env)]),
  postgresBin: postgresBin(env),
  openssl: onPath("openssl", env),
  protoc: onPath("protoc", env),
  grpcPython: grpcPython(env),
  chromium: firstOf([
    env.CHROMIUM,
    ...["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map((name) =>
      onPath(name, env)
    ),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
  ])
})
