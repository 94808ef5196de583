/**
 * What a large group costs beside a small one: each call over REST, one after the other, its median and its slowest.
 *
 *   node bench/group.ts                    groups of 10 and of 10,000 members
 *   node bench/group.ts --members 1000
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { attempt, BenchFailed } from "./support/BenchFailed.ts"
import { postgresBinaries, temporaryPostgres } from "./support/postgres.ts"
import { serverProcess } from "./support/serverProcess.ts"
import { render } from "./support/table.ts"

const { values } = parseArgs({ options: { members: { type: "string", default: "10000" } } })
const SMALL = 10
/** Ids that one request may name. */
const BATCH = 1_000
const ROUNDS = 100

type Call = <A>(method: string, path: string, body?: unknown) => Promise<A>

const callerOf =
  (url: string, token: string): Call =>
  async <A>(method: string, path: string, body?: unknown) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
    const text = await response.text()
    return (text === "" ? null : JSON.parse(text)) as A
  }

/** Milliseconds of each round, in order of size. */
const timesOf = async (
  rounds: number,
  run: (round: number) => Promise<unknown>
): Promise<ReadonlyArray<number>> => {
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    await run(round)
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)
}

const shown = (times: ReadonlyArray<number>): string => {
  const [median, slowest] = [times[Math.floor(times.length / 2)]!, times.at(-1)!]
  return times.length === 1 ? slowest.toFixed(1) : `${median.toFixed(1)} (${slowest.toFixed(1)})`
}

/** What each call takes in a group of so many. */
const measure = async (url: string, members: number): Promise<ReadonlyArray<readonly [string, string]>> => {
  const token = async () => (await callerOf(url, "")<{ token: string }>("POST", "/dev/token", {})).token
  const owner = callerOf(url, await token())
  // With the owner, and a place for one who is added and removed.
  const ids = Array.from({ length: members - 2 }, () => randomUUID())
  let id = ""
  const created = await timesOf(1, async () => {
    const body = { type: "group", member_ids: ids.slice(0, BATCH) }
    id = (await owner<{ id: string }>("POST", "/api/v1/conversations", body)).id
  })
  const path = `/api/v1/conversations/${id}`
  const batches = Array.from({ length: Math.ceil(ids.length / BATCH) - 1 }, (_, n) =>
    ids.slice((n + 1) * BATCH, (n + 2) * BATCH)
  )
  const added = await timesOf(batches.length, (n) =>
    owner("POST", `${path}/members`, { user_ids: batches[n] })
  )
  const sends = await timesOf(ROUNDS, (n) =>
    owner("POST", `${path}/messages`, { content: `${n}`, client_random: n })
  )
  const one = await timesOf(10, async () => {
    const user = randomUUID()
    await owner("POST", `${path}/members`, { user_ids: [user] })
    await owner("DELETE", `${path}/members/${user}`)
  })
  let pages = 0
  const all = await timesOf(1, async () => {
    for (let cursor: string | null = ""; cursor !== null; pages++) {
      const page: { next_cursor: string | null } = await owner(
        "GET",
        `${path}/members?limit=200${cursor === "" ? "" : `&cursor=${cursor}`}`
      )
      cursor = page.next_cursor
    }
  })
  return [
    [`create, with ${Math.min(ids.length, BATCH)} members`, shown(created)],
    [`add ${BATCH} members`, batches.length === 0 ? "-" : shown(added)],
    ["send", shown(sends)],
    ["newest 50 messages", shown(await timesOf(ROUNDS, () => owner("GET", `${path}/messages`)))],
    ["one's conversations", shown(await timesOf(ROUNDS, () => owner("GET", "/api/v1/conversations")))],
    ["mark as read", shown(await timesOf(ROUNDS, (n) => owner("POST", `${path}/mark-as-read`, { seq: n })))],
    ["a page of 200 members", shown(await timesOf(ROUNDS, () => owner("GET", `${path}/members?limit=200`)))],
    ["all members, by pages", `${shown(all)} in ${pages}`],
    ["add and remove a member", shown(one)]
  ]
}

const main = Effect.gen(function* () {
  const binaries = postgresBinaries()
  if (binaries === undefined)
    return yield* new BenchFailed({ message: "There is no Postgres on this machine" })
  const database = yield* temporaryPostgres(binaries)
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "bench-group-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const { address } = yield* serverProcess("src/main.ts", {
    APP_ENV: "dev",
    HOST: "127.0.0.1",
    PORT: "0",
    GRPC_PORT: "0",
    RATE_LIMITS: "off",
    DATA_DIR: directory,
    DATABASE_URL: database,
    REDIS_URL: undefined
  })
  const url = `http://${address.host}:${address.port}`
  const large = Number(values.members)
  // What is compiled and opened first is not the group's.
  yield* attempt("warming up", () => measure(url, SMALL))
  const small = yield* attempt("the small group", () => measure(url, SMALL))
  const big = yield* attempt("the large group", () => measure(url, large))
  yield* Console.log(
    render({
      title: "What a large group costs beside a small one",
      columns: ["ms: median (slowest)", `${SMALL} members`, `${large} members`],
      rows: big.map(([what, time], n) => [what, small[n]![1], time]),
      notes: []
    })
  )
})

NodeRuntime.runMain(Effect.scoped(main))
