/**
 * The message writer alone, without sockets and actors: what docs/adr/0002 was decided on.
 *
 *   node bench/writer.ts            both databases; a temporary Postgres server, a temporary directory
 *   node bench/writer.ts postgres   one of them: postgres, pglite
 *
 * Two ways of numbering: by the database under the conversation's row lock (what `PgMessageWriter` does), and by the
 * actor that owns the conversation, fenced by the unique key. First one batch after another, of 1, 10 and 100 rows;
 * then a steady 10,000 messages/s over 250 conversations, group-committed at several settings. The second table's
 * client CPU includes making the messages; the embedded database's CPU is the client's.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Redacted, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { SqlClient } from "effect/sql/SqlClient"
import { ConversationId, MessageId, UserId } from "../src/domain/Ids.ts"
import { ConversationStore } from "../src/domain/ports/ConversationStore.ts"
import type { NewMessage } from "../src/domain/ports/MessageWriter.ts"
import * as Database from "../src/layers/database/Database.ts"
import { migrate } from "../src/layers/database/Migrations.ts"
import { float8s } from "../src/layers/database/SqlArrays.ts"
import { appendSql, parametersOf } from "../src/layers/stores/AppendMessages.ts"
import * as GroupCommit from "../src/layers/stores/GroupCommit.ts"
import * as PgConversationStore from "../src/layers/stores/PgConversationStore.ts"
import { Histogram } from "./load/Histogram.ts"
import { BenchFailed } from "./support/BenchFailed.ts"
import { cpuTime } from "./support/cpu.ts"
import { postgresBinaries, temporaryPostgres } from "./support/postgres.ts"
import { progress } from "./support/progress.ts"
import { number, percent, render } from "./support/table.ts"

const CONVERSATIONS = 250
const BATCHES = [1, 10, 100] as const
const PACES = [0, 5, 10] as const
const RATE = 10_000
const SECONDS = 6
const content = "x".repeat(120)

interface Numbering {
  readonly name: string
  /** One commit. */
  readonly store: (messages: ReadonlyArray<NewMessage>) => Effect.Effect<unknown, unknown>
}

const byDatabase = Effect.gen(function* () {
  const sql = yield* SqlClient
  const numbering: Numbering = {
    name: "by the database",
    store: (messages) => sql.unsafe(appendSql, parametersOf(messages))
  }
  return numbering
})

/**
 * The alternative: the numbers are known before the statement. It needs no lock and one statement less; a retry in
 * the batch leaves a hole, and a second owner makes the statement fail, both of which the caller had to repair.
 */
const byActor = Effect.gen(function* () {
  const sql = yield* SqlClient
  const lastSeqs = new Map<string, number>()
  const text = `
    WITH input AS (
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::jsonb[],
        $8::float8[], $9::timestamptz[], $10::timestamptz[], $12::float8[]) AS u (id, conversation_id, sender_id,
        reply_to_id, message_type, content, metadata, client_random, sent_at, expires_at, seq)
      WHERE $11::jsonb IS NULL
    ), inserted AS (
      INSERT INTO messages (id, conversation_id, seq, version_seq, sender_id, reply_to_id, message_type, content,
        metadata, client_random, sent_at, expires_at)
      SELECT id, conversation_id, seq, seq, sender_id, reply_to_id, message_type, content, coalesce(metadata, '{}'),
        client_random, sent_at, expires_at FROM input
      ON CONFLICT (conversation_id, sender_id, client_random) DO NOTHING
      RETURNING id, conversation_id, seq, sent_at
    ), bumped AS (
      UPDATE conversations c SET last_seq = i.seq, updated_at = greatest(c.updated_at, i.sent_at)
      FROM (
        SELECT conversation_id, max(seq) AS seq, max(sent_at) AS sent_at FROM inserted GROUP BY conversation_id
      ) i WHERE c.id = i.conversation_id
    )
    SELECT id, seq::float8, sent_at FROM inserted`
  const numbering: Numbering = {
    name: "by the actor",
    store: (messages) => {
      const seqs = messages.map(({ conversationId }) => {
        const seq = (lastSeqs.get(conversationId) ?? 0) + 1
        lastSeqs.set(conversationId, seq)
        return seq
      })
      return sql.unsafe(text, [...parametersOf(messages), float8s(seqs)])
    }
  }
  return numbering
})

/** Messages of conversations of their own, each in turn. */
const source = Effect.gen(function* () {
  const store = yield* ConversationStore
  const conversations = yield* Effect.forEach(
    Array.from({ length: CONVERSATIONS }),
    () => {
      const creator = UserId.make(SecureRandom.uuidV7Unsafe())
      const memberIds = [creator, UserId.make(SecureRandom.uuidV7Unsafe())]
      const id = ConversationId.make(SecureRandom.uuidV7Unsafe())
      return Effect.as(
        store.create({
          ...{ id, creator, memberIds, type: "direct", metadata: {}, externalGroupId: null },
          createdAt: Date.now()
        }),
        { id, creator }
      )
    },
    { concurrency: 8 }
  )
  let n = 0
  return (): NewMessage => {
    const { creator, id } = conversations[n++ % CONVERSATIONS]!
    return {
      ...{
        conversationId: id,
        senderId: creator,
        replyToId: null,
        messageType: "text",
        content,
        metadata: {}
      },
      ...{ clientRandom: n, sentAt: Date.now(), expiresAt: null, attachments: [] },
      id: MessageId.make(SecureRandom.uuidV7Unsafe())
    }
  }
})

/** Fields of `/proc/<pid>/stat` from the third on: the second, the name in parentheses, may hold anything. */
const statOf = (pid: number): ReadonlyArray<string> => {
  const stat = readFileSync(`/proc/${pid}/stat`, "ascii")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

/** CPU of a Postgres server in µs: of its processes, and of those that it has seen end. */
const serverCpu = (postmaster: number): number => {
  let micros = (Number(statOf(postmaster)[13]) + Number(statOf(postmaster)[14])) * 10_000
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    try {
      if (pid === postmaster || Number(statOf(pid)[1]) === postmaster) micros += cpuTime(pid).process
    } catch {
      // It has ended meanwhile.
    }
  }
  return micros
}

/** What an effect costs, in µs of CPU: of this process, and of the server, if there is one. */
const cpuOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { kind } = yield* Database.Database
    const [backend] = yield* (yield* SqlClient)<{ pid: number }>`SELECT pg_backend_pid() AS pid`
    const postmaster = kind === "server" ? Number(statOf(backend!.pid)[1]) : undefined
    const cpu = () => ({
      client: cpuTime(process.pid).process,
      server: postmaster === undefined ? 0 : serverCpu(postmaster)
    })
    const [before, started] = [cpu(), performance.now()]
    const value = yield* effect
    const [after, ended] = [cpu(), performance.now()]
    return {
      value,
      seconds: (ended - started) / 1000,
      client: after.client - before.client,
      server: after.server - before.server
    }
  })

/** One batch after another. */
const sequential = (numbering: Numbering, next: () => NewMessage, rows: number) =>
  Effect.gen(function* () {
    const batches = Math.min(800, 20_000 / rows)
    const batch = () => numbering.store(Array.from({ length: rows }, next))
    yield* Effect.repeat(Effect.suspend(batch), { times: 20 })
    const { client, seconds, server } = yield* cpuOf(
      Effect.repeat(Effect.suspend(batch), { times: batches - 1 })
    )
    const count = batches * rows
    return [
      `${rows} rows, ${numbering.name}`,
      number((seconds * 1000) / batches, 2),
      number(count / seconds),
      number(client / count, 1),
      number(server / count, 1)
    ]
  })

/** `RATE` messages per second, whatever the writer does with them. */
const steady = (numbering: Numbering, next: () => NewMessage, pace: number) =>
  Effect.gen(function* () {
    let commits = 0
    const group = yield* GroupCommit.make<NewMessage, void, "failed">({
      ...{
        capacity: 100_000,
        capacityBytes: Number.POSITIVE_INFINITY,
        maxBatch: 500,
        maxBatchBytes: 4_000_000
      },
      ...{ pace, failed: "failed", overloaded: "failed" },
      name: "bench",
      keyOf: (message) => message.conversationId,
      bytesOf: () => 0,
      breaksKey: () => true,
      commit: (messages) => {
        commits++
        return Effect.match(numbering.store(messages), {
          onSuccess: () => messages.map(() => Result.succeed(undefined)),
          onFailure: () => messages.map(() => Result.fail("failed" as const))
        })
      }
    })
    yield* Effect.forkScoped(group.run)
    const load = (seconds: number, latency: Histogram) =>
      Effect.callback<number>((resume) => {
        let [sent, failures] = [0, 0]
        const started = performance.now()
        const timer = setInterval(() => {
          const now = performance.now()
          const due = Math.min(seconds * RATE, Math.floor(((now - started) / 1000) * RATE))
          for (; sent < due; sent++) {
            group.offer(next(), (result) => {
              if (Result.isFailure(result)) failures++
              else latency.record((performance.now() - now) * 1000)
            })
          }
          if (sent === seconds * RATE && group.depth() === 0) {
            clearInterval(timer)
            resume(Effect.succeed(failures))
          }
        }, 1)
      })
    yield* load(2, new Histogram())
    const latency = new Histogram()
    commits = 0
    const { client, seconds, server, value: failures } = yield* cpuOf(load(SECONDS, latency))
    const count = SECONDS * RATE
    if (failures > 0) return yield* new BenchFailed({ message: `${failures} of ${count} messages failed` })
    return [
      `${numbering.name}, pace ${pace} ms`,
      number(count / seconds),
      number(count / commits, 1),
      number(latency.quantile(0.5) / 1000, 1),
      number(latency.quantile(0.99) / 1000, 1),
      number(client / count, 1),
      number(server / count, 1),
      percent((client + server) / 1_000_000 / seconds)
    ]
  }).pipe(Effect.scoped)

const measure = (name: string) =>
  Effect.gen(function* () {
    const batches: Array<ReadonlyArray<string>> = []
    const rates: Array<ReadonlyArray<string>> = []
    const ways = [
      [yield* byDatabase, yield* source],
      [yield* byActor, yield* source]
    ] as const
    yield* progress(`writer on ${name}: warming up`)
    for (const [numbering, next] of ways) yield* sequential(numbering, next, 100)
    for (const [numbering, next] of ways) {
      for (const rows of BATCHES) {
        yield* progress(`writer on ${name}: ${rows} rows ${numbering.name}`)
        batches.push(yield* sequential(numbering, next, rows))
      }
      for (const pace of PACES) {
        yield* progress(`writer on ${name}: ${RATE}/s ${numbering.name}, pace ${pace} ms`)
        rates.push(yield* steady(numbering, next, pace))
      }
    }
    const micros = ["client CPU µs", "database CPU µs"]
    const tables = [
      {
        title: `${name}: one batch after another`,
        columns: ["", "ms/batch", "rows/s", ...micros],
        rows: batches,
        notes: []
      },
      {
        title: `${name}: ${RATE} messages/s over ${CONVERSATIONS} conversations`,
        columns: ["numbered", "committed/s", "per commit", "p50 ms", "p99 ms", ...micros, "of a core"],
        rows: rates,
        notes: []
      }
    ]
    yield* Effect.sync(() => process.stdout.write(`${tables.map(render).join("\n")}\n`))
  })

const over = (options: Pick<Database.DatabaseOptions, "url" | "dataDir">) =>
  PgConversationStore.layer({ capacity: 1000, maxBatch: 100, maxTimed: 0 }).pipe(
    Layer.provideMerge(Layer.effectDiscard(migrate)),
    Layer.provideMerge(Database.layer({ ...options, maxConnections: 8, timeout: "30 seconds" }))
  )

const onPostgres = Effect.gen(function* () {
  const binaries = postgresBinaries()
  if (binaries === undefined) return yield* progress("no Postgres on this machine")
  const url = Redacted.make(yield* temporaryPostgres(binaries))
  yield* measure("Postgres").pipe(Effect.provide(over({ url, dataDir: "" })))
}).pipe(Effect.scoped)

const onPglite = Effect.gen(function* () {
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "bench-writer-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  yield* measure("PGlite").pipe(Effect.provide(over({ url: undefined, dataDir })))
}).pipe(Effect.scoped)

const databases = { postgres: onPostgres, pglite: onPglite }
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !(name in databases))

const program =
  unknown.length > 0
    ? Effect.fail(new BenchFailed({ message: `no such database: ${unknown.join(", ")}` }))
    : Effect.forEach(
        Object.entries(databases).filter(([name]) => chosen.length === 0 || chosen.includes(name)),
        ([, run]) => run
      )

NodeRuntime.runMain(program)
