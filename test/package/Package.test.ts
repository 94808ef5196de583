/**
 * The package as its users get it: packed, put into a project of its own beside nothing but its dependencies, compiled
 * there with every declaration checked, and run by a Node that knows no TypeScript below node_modules.
 */
import { execFile } from "node:child_process"
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TempDir from "../support/TempDir.ts"

const root = join(import.meta.dirname, "../..")
const run = promisify(execFile)

const consumer = `
import { Effect, Layer, Redacted, Stream } from "effect"
import * as App from "messaging-service"
import * as Client from "messaging-service/client"
import { Conversations } from "messaging-service/actors/conversation/Conversations"
import { Media } from "messaging-service/domain/ports/Media"
import { Forbidden } from "messaging-service/domain/Errors"
import { AuditLog } from "messaging-service/domain/ports/AuditLog"
import * as MemoryAuditLog from "messaging-service/layers/memory/MemoryAuditLog"
import * as ChildSpec from "messaging-service/supervisors/ChildSpec"
import * as Supervisor from "messaging-service/supervisors/Supervisor"
import * as TestApp from "messaging-service/testing"

const nothing = Layer.succeed(
  Media,
  Media.of({
    check: () => Effect.fail(new Forbidden({ rule: "no attachments here" })),
    linked: () => Effect.void
  })
)

const embedded: Layer.Layer<Conversations, unknown> = App.layerWith({ replace: [App.replace(Media, nothing)] })

const counting = Effect.gen(function* () {
  const root = yield* Supervisor.start({
    id: "root",
    strategy: "one_for_one",
    children: [
      ChildSpec.actor<number, number>({
        id: "counter",
        init: () => Effect.succeed(0),
        handle: (step, count) => count + step
      })
    ]
  })
  return root.snapshot().children?.length
})

const recorded = Effect.gen(function* () {
  const audit = yield* AuditLog
  audit.note({ action: "user.blocked", outcome: "done", targets: [] })
  return (yield* audit.read({ limit: 10 })).length
}).pipe(Effect.provide(MemoryAuditLog.layer))

const followed = (url: string, token: string) =>
  Effect.gen(function* () {
    const client = yield* Client.MessagingClient
    const { conversation } = yield* client.createConversation({ type: "group", member_ids: [crypto.randomUUID()] })
    yield* client.sendMessage({ conversation_id: conversation.id, content: "hello", client_random: 1 })
    const [first] = yield* client.follow(conversation.id).pipe(Stream.take(1), Stream.runCollect)
    const content: string | null | undefined = first?.event === "snapshot" ? first.payload.messages[0]?.content : undefined
    const tag: "NotMember" | undefined = yield* client.showConversation({ conversation_id: crypto.randomUUID() }).pipe(
      Effect.as(undefined),
      Effect.catchTag("NotMember", (error) => Effect.succeed(error._tag))
    )
    return [content, tag]
  }).pipe(Effect.provide(Client.layer({ url, token: Redacted.make(token) })))

const program = Effect.gen(function* () {
  const app = yield* TestApp.TestApp
  const { token } = yield* app.token()
  const { create } = yield* Conversations
  const health = yield* Effect.promise(async () => (await fetch(\`\${app.url}/health\`)).json())
  console.log(JSON.stringify({ embedded: Layer.isLayer(embedded), health, create: typeof create, children: yield* counting, recorded: yield* recorded, followed: yield* followed(app.url, token) }))
}).pipe(Effect.scoped, Effect.provide(TestApp.layer({ replace: [TestApp.replace(Media, nothing)] })))

Effect.runPromise(program)
`

const project = {
  compilerOptions: {
    target: "ESNext",
    module: "NodeNext",
    strict: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    types: ["node"],
    outDir: "out"
  },
  files: ["consumer.ts"]
}

const link = async (modules: string, name: string) => {
  const path = join(modules, name)
  await mkdir(dirname(path), { recursive: true })
  await symlink(join(root, "node_modules", name), path)
}

describe("The package", () => {
  it.live(
    "compiles and runs in a project of its own, with its dependencies alone",
    () =>
      Effect.gen(function* () {
        const directory = yield* TempDir.make("package")
        const output = yield* Effect.promise(async () => {
          await run("npm", ["pack", "--silent", "--pack-destination", directory], { cwd: root })
          const { dependencies, name, version } = JSON.parse(
            await readFile(join(root, "package.json"), "utf8")
          )
          const modules = join(directory, "node_modules")
          const home = join(modules, name)
          await mkdir(home, { recursive: true })
          await run("tar", [
            "xzf",
            join(directory, `${name}-${version}.tgz`),
            "-C",
            home,
            "--strip-components=1"
          ])
          for (const dependency of Object.keys(dependencies)) await link(modules, dependency)
          // What a TypeScript project has of its own.
          for (const types of ["@types/node", "@types/ws"]) await link(modules, types)

          await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }))
          await writeFile(join(directory, "tsconfig.json"), JSON.stringify(project))
          await writeFile(join(directory, "consumer.ts"), consumer)
          const compiler = join(root, "node_modules/.bin/tsc")
          await run(compiler, ["-p", directory], { cwd: directory }).catch(({ stdout }) =>
            assert.fail(stdout)
          )
          const { stdout } = await run(process.execPath, ["out/consumer.js"], { cwd: directory })
          const help = await run(process.execPath, [join(home, "dist/src/main.js"), "--help"], {
            cwd: directory
          })
          assert.match(help.stdout, /messaging-service/)
          return JSON.parse(stdout)
        })
        assert.isTrue(output.embedded)
        assert.strictEqual(output.health.status, "up")
        assert.strictEqual(output.create, "function")
        assert.strictEqual(output.children, 1)
        assert.strictEqual(output.recorded, 1)
        assert.deepStrictEqual(output.followed, ["hello", "NotMember"])
      }),
    { timeout: 180_000 }
  )
})
