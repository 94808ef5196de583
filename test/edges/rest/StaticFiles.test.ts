import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { serve } from "./RestServer.ts"

/** A page, a script in a folder, and a secret beside the root. */
const serveFiles = Effect.gen(function* () {
  const root = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const dir = await mkdtemp(join(tmpdir(), "web-"))
      await mkdir(join(dir, "web", "js"), { recursive: true })
      await writeFile(join(dir, "web", "index.html"), "<h1>page</h1>")
      await writeFile(join(dir, "web", "js", "app.js"), "export {}")
      await writeFile(join(dir, "secret.txt"), "secret")
      await writeFile(join(dir, "web-secret.txt"), "secret")
      return dir
    }),
    (dir) => Effect.promise(() => rm(dir, { recursive: true }))
  )
  return { root, call: yield* serve({ webRoot: join(root, "web") }) }
})

describe("StaticFiles", () => {
  it.live("serves the page at / and its files below /assets", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      const page = yield* call("/")
      assert.strictEqual(page.text, "<h1>page</h1>")
      assert.strictEqual(page.headers["content-type"], "text/html; charset=utf-8")
      const script = yield* call("/assets/js/app.js?v=1")
      assert.strictEqual(script.text, "export {}")
      assert.strictEqual(script.headers["content-type"], "text/javascript; charset=utf-8")
      assert.strictEqual((yield* call("/", { method: "HEAD" })).status, 200)
    })
  )

  it.live("serves the official client as a module", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      const { headers, status, text } = yield* call("/assets/vendor/phoenix.mjs")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "text/javascript; charset=utf-8")
      assert.match(text, /export \{[\s\S]*Socket/)
    })
  )

  it.live("has every file revalidated, and answers 304 while it is the same", () =>
    Effect.gen(function* () {
      const { call, root } = yield* serveFiles
      const { headers } = yield* call("/")
      assert.strictEqual(headers["cache-control"], "no-cache")
      assert.isString(headers.etag)
      const ifNoneMatch = { headers: { "if-none-match": headers.etag! } }
      const again = yield* call("/", ifNoneMatch)
      assert.strictEqual(again.status, 304)
      assert.strictEqual(again.text, "")
      yield* Effect.promise(() => writeFile(join(root, "web", "index.html"), "<h1>another page</h1>"))
      assert.strictEqual((yield* call("/", ifNoneMatch)).status, 200)
    })
  )

  it.live("lets nobody out of its folder", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      for (const path of [
        "/assets/../secret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/..%2fsecret.txt",
        "/assets/%2e%2e%2fsecret.txt",
        "/assets/..%252fsecret.txt",
        "/assets/..\\secret.txt",
        "/assets/..%5csecret.txt",
        "/assets/js/..%2f..%2fsecret.txt",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/..%2fweb-secret.txt",
        "/assets/index.html%00.js",
        "/assets/vendor/phoenix.mjs/../../../package.json",
        "/assets/vendor/%2e%2e/package.json"
      ]) {
        const answer = yield* call(path)
        assert.strictEqual(answer.status, 404, path)
        assert.deepInclude(answer.json, { reason: "not_found" })
        assert.notInclude(answer.text, "secret")
      }
    })
  )

  it.live("answers 404 for what is not a file", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      const paths = ["/assets", "/assets/js", "/assets/js/", "/assets/none.js", "/assets/index.html/x"]
      for (const path of [...paths, `/assets/${"x".repeat(90)}`, "/assets/vendor/phoenix.cjs.js"]) {
        assert.deepInclude((yield* call(path)).json, { status: 404, reason: "not_found" }, path)
      }
    })
  )

  it.live("answers a name longer than any file's with 404", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      assert.strictEqual((yield* call(`/assets/${"x".repeat(5000)}`)).status, 404)
    })
  )

  it.live("answers a range, and one that is none with 416", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      const part = yield* call("/", { headers: { range: "bytes=4-7" } })
      assert.strictEqual(part.status, 206)
      assert.strictEqual(part.text, "page")
      const none = yield* call("/", { headers: { range: "bytes=500-" } })
      assert.deepInclude(none.json, { status: 416, reason: "range_not_satisfiable" })
      assert.strictEqual(none.headers["content-range"], "bytes */13")
    })
  )

  it.live("refuses to be written to", () =>
    Effect.gen(function* () {
      const { call } = yield* serveFiles
      assert.strictEqual((yield* call("/", { body: {} })).status, 405)
      assert.strictEqual((yield* call("/assets/js/app.js", { method: "PUT", body: {} })).status, 405)
    })
  )
})
