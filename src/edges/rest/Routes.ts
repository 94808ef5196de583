/**
 * The router, plus one thing it cannot say: which methods a path answers, when it does not answer the one that
 * was asked for.
 */
import { Context, Effect, Layer } from "effect"
import { FindMyWay, HttpRouter } from "effect/http"

const config = { ignoreTrailingSlash: true } as const

type Path = HttpRouter.PathInput

/** Records every route that is added, whoever adds it. */
const recording = (
  router: HttpRouter.HttpRouter,
  record: (method: string, path: Path) => void
): HttpRouter.HttpRouter =>
  HttpRouter.HttpRouter.of({
    ...router,
    add: (method, path, handler, options) => {
      record(method, path)
      return router.add(method, path, handler, options)
    },
    addAll: (routes) => {
      for (const route of routes) record(route.method, route.path)
      return router.addAll(routes)
    },
    prefixed: (prefix) =>
      recording(router.prefixed(prefix), (method, path) =>
        record(method, HttpRouter.prefixPath(path, prefix) as Path)
      )
  })

export class AllowedMethods extends Context.Service<
  AllowedMethods,
  {
    /** For an `Allow` header; empty when no such path exists. */
    readonly of: (url: string) => ReadonlyArray<string>
  }
>()("messaging-service/edges/rest/AllowedMethods") {}

export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const methodsByPath = new Map<Path, Set<string>>()
    const paths = FindMyWay.make<Set<string>>(config)

    const methodsOf = (path: Path): Set<string> => {
      const known = methodsByPath.get(path)
      if (known !== undefined) return known
      const methods = new Set<string>()
      methodsByPath.set(path, methods)
      paths.on("GET", path, methods)
      return methods
    }

    const router = yield* HttpRouter.make.pipe(Effect.provideService(HttpRouter.RouterConfig, config))
    return Context.make(
      HttpRouter.HttpRouter,
      recording(router, (method, path) => {
        const methods = methodsOf(path).add(method)
        if (method === "GET") methods.add("HEAD")
      })
    ).pipe(Context.add(AllowedMethods, { of: (url) => [...(paths.find("GET", url)?.handler ?? [])] }))
  })
)
