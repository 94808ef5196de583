/**
 * messaging-service itself, started as `node src/main.ts`: real users with verified tokens, real memberships,
 * every send committed before it is acknowledged. Rate limits are off; nothing else of its work is.
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Plan } from "../load/Plan.ts"
import type { Address } from "../load/RawWebSocket.ts"
import { attempt, type BenchFailed } from "../support/BenchFailed.ts"
import { temporaryPostgres } from "../support/postgres.ts"
import { type Environment, serverProcess } from "../support/serverProcess.ts"
import { type Contender, conversationOf, type Layout } from "./Contender.ts"

/** How many requests provisioning has in flight. */
const CONCURRENCY = 16

const environment: Environment = {
  APP_ENV: "dev",
  HOST: "127.0.0.1",
  PORT: "0",
  GRPC_PORT: "0",
  RATE_LIMITS: "off",
  // The load generator sends no heartbeats.
  SOCKET_IDLE_TIMEOUT: "1 hour",
  REDIS_URL: undefined
}

interface User {
  readonly id: string
  readonly token: string
}

const post = async <A>(address: Address, path: string, body: object, token?: string): Promise<A> => {
  const response = await fetch(`http://${address.host}:${address.port}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
    },
    body: JSON.stringify(body)
  })
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as A
}

const createUser = (address: Address): Effect.Effect<User, BenchFailed> =>
  attempt("creating a user", async () => {
    const { user_id, token } = await post<{ user_id: string; token: string }>(address, "/dev/token", {
      user_id: randomUUID()
    })
    return { id: user_id, token }
  })

/** The first of the members is the owner. Its id. */
const createConversation = (
  address: Address,
  [owner, ...others]: ReadonlyArray<User>
): Effect.Effect<string, BenchFailed> =>
  attempt("creating a conversation", async () => {
    const { id } = await post<{ id: string }>(
      address,
      "/api/v1/conversations",
      {
        type: others.length === 1 ? "direct" : "group",
        member_ids: others.map((user) => user.id),
        metadata: {}
      },
      owner!.token
    )
    return id
  })

const provision = (address: Address, layout: Layout): Effect.Effect<Plan, BenchFailed> =>
  Effect.gen(function* () {
    const users = yield* Effect.forEach(Array.from({ length: layout.sockets }), () => createUser(address), {
      concurrency: CONCURRENCY
    })
    const members = Map.groupBy(users.keys(), (socket) => conversationOf(socket, layout))
    const ids = yield* Effect.forEach(
      members.values(),
      (sockets) =>
        createConversation(
          address,
          sockets.map((socket) => users[socket]!)
        ),
      { concurrency: CONCURRENCY }
    )
    const sockets = users.map(({ id, token }, socket) => {
      const conversation = conversationOf(socket, layout)
      return {
        path: `/socket/websocket?vsn=2.0.0&token=${token}`,
        conversation,
        topics: [`user:${id}`, `conversation:${ids[conversation]}`]
      }
    })
    return { address, dialect: "phoenix", sockets }
  })

const service = (name: string, database: Contender["home"]): Contender => ({
  name,
  home: Effect.gen(function* () {
    const dataDir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "bench-data-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    return { ...environment, DATA_DIR: dataDir, ...(yield* database) }
  }),
  launch: (home) =>
    Effect.map(serverProcess("src/main.ts", home), (server) => ({
      ...server,
      provision: (layout) => provision(server.address, layout)
    }))
})

/** On the embedded database: PGlite, in a worker thread of the same process. */
export const onPglite = service("service, PGlite", Effect.succeed({ DATABASE_URL: undefined }))

/** On a Postgres server of its own, whose CPU time is not counted. */
export const onPostgres = (binaries: string): Contender =>
  service(
    "service, Postgres",
    Effect.map(temporaryPostgres(binaries), (url) => ({ DATABASE_URL: url }))
  )

/** The same server with typing indicators for messages: its fan-out alone, with nothing stored. */
export const typingOn = ({ name, home, launch }: Contender): Contender => ({
  name: `${name}, typing`,
  home,
  launch: (environment) =>
    Effect.map(launch(environment), (server) => ({
      ...server,
      provision: (layout) =>
        Effect.map(server.provision(layout), (plan) => ({ ...plan, dialect: "typing" as const }))
    }))
})
