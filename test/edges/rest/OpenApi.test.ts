import { hash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Effect } from "effect"
import { serve } from "./RestServer.ts"

interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly security: ReadonlyArray<object>
  readonly parameters: ReadonlyArray<{ readonly in: string; readonly name: string; readonly schema: object }>
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: object; readonly securitySchemes: object }
}

const load = Effect.gen(function* () {
  const call = yield* serve()
  const answer = yield* call("/api/openapi.json")
  assert.strictEqual(answer.status, 200)
  return { document: answer.json as Document, text: answer.text }
})

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  )

describe("The OpenAPI document", () => {
  it.live("is OpenAPI 3.1 and lists every path there is", () =>
    Effect.gen(function* () {
      const { document } = yield* load
      assert.match(document.openapi, /^3\.1\./)
      const one = "/api/v1/conversations/{conversation_id}"
      assert.sameMembers(Object.keys(document.paths), [
        "/api/v1/conversations",
        "/api/v1/conversations/search",
        one,
        `${one}/leave`,
        `${one}/settings`,
        `${one}/settings/me`,
        `${one}/archive`,
        `${one}/pin`,
        `${one}/mark-as-read`,
        `${one}/delivered`,
        `${one}/members`,
        `${one}/members/{user_id}`,
        "/api/v1/groups",
        "/api/v1/groups/{group_id}",
        "/api/v1/groups/{group_id}/leave",
        "/api/v1/groups/{group_id}/members",
        "/api/v1/groups/{group_id}/members/{user_id}",
        `${one}/messages`,
        `${one}/messages/{message_id}`,
        `${one}/messages/{message_id}/mark-as-read`,
        `${one}/messages/{message_id}/delivered`,
        `${one}/messages/{message_id}/status`,
        `${one}/status`,
        `${one}/messages/{message_id}/reactions`,
        `${one}/messages/{message_id}/reactions/{reaction}`,
        `${one}/messages/{message_id}/pin`,
        `${one}/messages/{message_id}/attachments`,
        `${one}/attachments`,
        `${one}/messages/search`,
        "/api/v1/messages/search",
        `${one}/scheduled-messages`,
        "/api/v1/scheduled-messages",
        "/api/v1/drafts",
        `${one}/draft`,
        "/api/v1/scheduled-messages/{scheduled_message_id}",
        `${one}/pinned-messages`,
        "/api/v1/presence",
        "/api/v1/socket-tickets",
        "/api/v1/reports",
        "/api/v1/me/status",
        "/api/v1/me/unread",
        "/api/v1/me/mark-as-read",
        "/api/v1/me/preferences",
        "/api/v1/me/sessions",
        "/api/v1/me/sessions/{session_id}",
        "/api/v1/me/devices",
        "/api/v1/me/devices/{device_id}",
        "/health",
        "/health/live",
        "/health/ready"
      ])
    })
  )

  it.live("is valid by the schema of OpenAPI 3.1, which knows nothing of how it was made", () =>
    Effect.gen(function* () {
      const { text } = yield* load
      const judge = (document: Record<string, unknown>) =>
        Effect.promise(async () => {
          const validator = new Validator()
          const { errors, valid } = await validator.validate(document)
          return { version: validator.version, valid, errors: errors ?? [] }
        })
      const document: Record<string, unknown> = JSON.parse(text)
      assert.deepStrictEqual(yield* judge(document), { version: "3.1", valid: true, errors: [] })
      const { title: _, ...untitled } = document.info as Record<string, unknown>
      assert.isFalse(
        (yield* judge({ ...document, info: untitled })).valid,
        "a document without a title is not"
      )
    })
  )

  it.live("resolves every reference it makes", () =>
    Effect.gen(function* () {
      const { document, text } = yield* load
      const references = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!)
      assert.isNotEmpty(references)
      for (const name of references) assert.property(document.components.schemas, name)
    })
  )

  it.live("asks for a bearer token under /api/v1 and nowhere else", () =>
    Effect.gen(function* () {
      const { document } = yield* load
      for (const { operation, path } of operationsOf(document)) {
        assert.deepStrictEqual(operation.security, path.startsWith("/api/v1/") ? [{ bearer: [] }] : [], path)
      }
      assert.deepStrictEqual(document.components.securitySchemes, {
        bearer: { type: "http", scheme: "bearer" }
      })
    })
  )

  it.live("describes every refusal under /api/v1 as a problem, 400, 401 and 503 always among them", () =>
    Effect.gen(function* () {
      const { document } = yield* load
      for (const { method, operation, path } of operationsOf(document)) {
        if (!path.startsWith("/api/v1/")) continue
        assert.containsAllKeys(operation.responses, ["400", "401", "503"], `${method} ${path}`)
        for (const [status, { content }] of Object.entries(operation.responses)) {
          if (Number(status) >= 400) assert.hasAllKeys(content, ["application/problem+json"])
        }
        assert.isNotEmpty(operation.summary)
      }
    })
  )

  it.live("says what clients have to send: UUIDs in paths, integers in queries", () =>
    Effect.gen(function* () {
      const { document } = yield* load
      const parameters = operationsOf(document).flatMap(({ operation }) => operation.parameters)
      for (const { in: where, name, schema } of parameters) {
        if (where === "path" && name.endsWith("_id") && name !== "device_id")
          assert.deepStrictEqual(schema, { type: "string", format: "uuid" })
        if (["limit", "after_seq", "before_seq"].includes(name))
          assert.deepInclude(schema, { type: "integer" })
      }
    })
  )

  it.live("names each operation once", () =>
    Effect.gen(function* () {
      const { document } = yield* load
      const ids = operationsOf(document).map(({ operation }) => operation.operationId)
      assert.strictEqual(new Set(ids).size, ids.length)
    })
  )
})

describe("The documentation page", () => {
  it.live("brings everything with it, and allows exactly the scripts it brings", () =>
    Effect.gen(function* () {
      const call = yield* serve()
      const [first, second] = [yield* call("/docs"), yield* call("/docs")]
      assert.strictEqual(first.status, 200)
      assert.match(first.headers["content-type"]!, /^text\/html/)
      assert.strictEqual(second.text, first.text)
      assert.notMatch(first.text, /<(script|link)[^>]+(src|href)=/)
      const policy = first.headers["content-security-policy"] as string
      const scripts = [...first.text.matchAll(/<script>([\s\S]*?)<\/script>/g)]
      assert.lengthOf(scripts, 2)
      for (const [, script] of scripts)
        assert.include(policy, `'sha256-${hash("sha256", script!, "base64")}'`)
      assert.notMatch(policy, /script-src[^;]*'unsafe/)
    })
  )
})
