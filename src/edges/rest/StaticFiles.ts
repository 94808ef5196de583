/**
 * The demo page and what it loads: files below one folder, and the one module of the `phoenix` package that a
 * browser needs. Nothing else of the disk can be reached; each file is revalidated by its ETag.
 */
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { HttpRouter, HttpStaticServer } from "effect/http"

/** The folder of the page in this package. */
export const WEB_ROOT = fileURLToPath(new URL("../../../web", import.meta.url))

const PHOENIX = fileURLToPath(import.meta.resolve("phoenix"))

const cacheControl = "no-cache"

/** A file that is not there is answered by the edge, like any path that is not there. */
const files = (options: Parameters<typeof HttpStaticServer.make>[0]) =>
  Effect.map(HttpStaticServer.make(options), Effect.orDie)

/** `GET /` → index.html, `/assets/…` → the folder, `/assets/vendor/phoenix.mjs` → the official client. */
export const layer = (root: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const page = yield* files({ root, cacheControl })
      const assets = yield* files({ root, cacheControl, index: undefined })
      const vendor = yield* files({ root: dirname(PHOENIX), cacheControl, index: undefined })
      yield* router.add("GET", "/", page)
      yield* router.prefixed("/assets").add("GET", "/*", assets)
      yield* router.prefixed("/assets/vendor").add("GET", "/phoenix.mjs", vendor)
    })
  )
