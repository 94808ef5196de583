/**
 * The demo page and what it loads: files below one folder, and the one module of the `phoenix` package that a
 * browser needs. No path leads out of the folder (a link inside it does: what lies there is published); each
 * file is revalidated by its ETag.
 */
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, PlatformError } from "effect"
import { HttpRouter, HttpServerError, HttpStaticServer } from "effect/http"

/** The folder of the page in this package. */
export const WEB_ROOT = fileURLToPath(new URL("../../../web", import.meta.url))

const PHOENIX = fileURLToPath(import.meta.resolve("phoenix"))

const cacheControl = "no-cache"

/** Below a file, or longer than names can be: the system calls these errors, a caller calls them absent. */
const impossible = ["ENOTDIR", "ENAMETOOLONG"]

const isImpossible = ({ reason }: HttpServerError.HttpServerError): boolean =>
  reason._tag === "InternalError" &&
  reason.cause instanceof PlatformError.PlatformError &&
  impossible.includes((reason.cause.cause as NodeJS.ErrnoException | undefined)?.code ?? "")

/** A file that is not there is answered by the edge, like any path that is not there. */
const files = (options: Parameters<typeof HttpStaticServer.make>[0]) =>
  Effect.map(HttpStaticServer.make(options), (server) =>
    server.pipe(
      Effect.mapError((error) =>
        isImpossible(error)
          ? new HttpServerError.HttpServerError({
              reason: new HttpServerError.RouteNotFound({ request: error.request })
            })
          : error
      ),
      Effect.orDie
    )
  )

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
