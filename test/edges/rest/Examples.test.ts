/**
 * The examples of the OpenAPI document are true: played in their order against a running service, each request is
 * answered as its example says, ids, times and secrets aside, and as the document's schemas say.
 *
 * `RECORD_EXAMPLES=1 npx vitest run test/edges/rest/Examples.test.ts` writes the answers into the file instead, after
 * a request was added there or an answer has changed.
 */
import { writeFile } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect } from "effect"
import recorded from "../../../src/edges/rest/examples.json" with { type: "json" }
import type { Example } from "../../../src/edges/rest/OpenApiExamples.ts"
import * as AppProcess from "../../support/AppProcess.ts"
import * as Chat from "../../support/Chat.ts"
import { serve } from "./RestServer.ts"

const examples = recorded as ReadonlyArray<Example>
const FILE = new URL("../../../src/edges/rest/examples.json", import.meta.url)

const users: Readonly<Record<string, string>> = {
  alice: "0198a3a0-0000-7000-8000-0000000a11ce",
  bob: "0198a3a0-0000-7000-8000-000000000b0b",
  carol: "0198a3a0-0000-7000-8000-0000000ca401"
}

const uuids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const ours = /^0198a3a0-0000-7000-8000-/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
/** In an answer, any time; in a request, tomorrow. */
const TIME = "2026-01-01T12:00:00.000Z"
const DAY = 24 * 60 * 60 * 1000

/** What is different each time, by its key. */
const secrets: Readonly<Record<string, unknown>> = {
  ticket: "V2l0aCB0aGlzIG9uZSBjb25uZWN0cyBvbmNl"
}

/** The ids of the service for those of the examples, which are given out in the order of their appearance. */
class Ids {
  readonly #real = new Map<string, string>()
  readonly #shown = new Map<string, string>()

  /** As an example shows it. */
  shown(value: unknown, key = ""): unknown {
    if (key in secrets) return secrets[key]
    if (Array.isArray(value)) return value.map((item) => this.shown(item))
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => [this.#idsShown(name), this.shown(item, name)])
      )
    }
    if (typeof value !== "string") return value
    return time.test(value) ? TIME : this.#idsShown(value)
  }

  /** As the service knows it. */
  real<A>(value: A): A {
    const text = JSON.stringify(value).replaceAll(TIME, new Date(Date.now() + DAY).toISOString())
    return JSON.parse(text.replace(uuids, (id) => this.#real.get(id) ?? id))
  }

  #idsShown(text: string): string {
    return text.replace(uuids, (id) => {
      if (ours.test(id)) return id
      const known = this.#shown.get(id)
      if (known !== undefined) return known
      const shown = `0198a3a0-0000-7000-8000-${(this.#shown.size + 1).toString(16).padStart(12, "0")}`
      this.#shown.set(id, shown)
      this.#real.set(shown, id)
      return shown
    })
  }
}

interface Operation {
  readonly operationId: string
  readonly requestBody?: { readonly content: object }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const escaped = (part: string) => part.replaceAll("~", "~0").replaceAll("/", "~1")

describe("The examples of the OpenAPI document", () => {
  it.live(
    "are what a running service takes and answers, for every operation there is",
    () =>
      Effect.gen(function* () {
        const app = yield* AppProcess.start({ env: { RATE_LIMITS: "off" } })
        const people: Record<string, Chat.Person> = {}
        for (const [name, user_id] of Object.entries(users)) {
          people[name] = yield* Chat.person(app, { user_id, device_id: "phone" })
        }
        const tablet = yield* Chat.person(app, { user_id: users.alice!, device_id: "tablet" })
        yield* Chat.connect(app, tablet)

        const document = yield* people.alice!.rest.ok<Document>("GET", "/api/openapi.json")
        const operations = new Map(
          Object.entries(document.paths).flatMap(([path, methods]) =>
            Object.entries(methods).map(
              ([method, operation]) => [operation.operationId, { path, method, operation }] as const
            )
          )
        )
        const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(document, "api")
        const check = (pointer: ReadonlyArray<string>, value: unknown, what: string) => {
          const isValid = ajv.compile({
            $ref: `api#/${pointer.map(escaped).map(encodeURIComponent).join("/")}`
          })
          assert.isTrue(isValid(value), `${what}: ${JSON.stringify(isValid.errors)}`)
        }

        const ids = new Ids()
        const played: Array<Example> = []
        for (const example of examples) {
          const { as, body, headers, operation: name, params = {}, query = {}, status } = example
          const { method, operation, path } = operations.get(name)!
          const at = path.replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key]!))
          const search = new URLSearchParams(query).toString()
          const url = ids.real(search === "" ? at : `${at}?${search}`)
          const client = as === undefined ? people.alice! : people[as]!
          if (body !== undefined) {
            check(["paths", path, method, "requestBody", "content", "application/json", "schema"], body, name)
          }
          const answer = yield* client.rest.request<unknown>(
            method.toUpperCase(),
            url,
            body === undefined ? undefined : ids.real(body),
            headers
          )
          assert.strictEqual(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`)
          const response = answer.body === null ? undefined : ids.shown(answer.body)
          const { content } = operation.responses[String(status)]!
          assert.strictEqual(content !== undefined, response !== undefined, name)
          if (response !== undefined) {
            const media = Object.keys(content!)[0]!
            check(
              ["paths", path, method, "responses", String(status), "content", media, "schema"],
              answer.body,
              name
            )
          }
          played.push(response === undefined ? example : { ...example, response })
        }

        if (process.env.RECORD_EXAMPLES === "1") {
          yield* Effect.promise(() => writeFile(FILE, `${JSON.stringify(played, null, 2)}\n`))
          return
        }
        for (const [n, example] of played.entries()) {
          assert.deepStrictEqual(example, examples[n], example.operation)
        }
        const shown = new Set(examples.map(({ operation }) => operation))
        assert.sameMembers([...shown], [...operations.keys()])
      }),
    120_000
  )

  it.live("stand in the document, at every operation", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const document = (yield* call("/api/openapi.json")).json as Document
      for (const operation of Object.values(document.paths).flatMap(Object.values<Operation>)) {
        const { operationId, requestBody, responses } = operation
        const answers = Object.entries(responses).filter(([status]) => Number(status) < 300)
        const contents = answers.flatMap(([, { content }]) =>
          content === undefined ? [] : Object.values(content)
        )
        if (contents.length > 0) {
          assert.isTrue(
            contents.some((media) => "example" in media),
            `an answer of ${operationId}`
          )
        }
        for (const media of Object.values(requestBody?.content ?? {})) {
          assert.property(media, "example", `the request of ${operationId}`)
        }
      }
    })
  )
})
