/**
 * The browsable documentation, bundled, so that it works without a network. The page is made at its first
 * visit: its script is three megabytes, which a start should not wait for.
 */
import { hash } from "node:crypto"
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { Api } from "./Api.ts"

/** The page's scripts stand in the page; their hashes allow exactly these. */
const policyFor = (html: string): string => {
  const hashes = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, script = ""]) => `'sha256-${hash("sha256", script, "base64")}'`
  )
  return [
    "default-src 'self'",
    `script-src ${hashes.join(" ")}`,
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self' data:",
    "img-src 'self' data: blob:",
    "base-uri 'none'",
    "frame-ancestors 'none'"
  ].join("; ")
}

const withPolicy = (response: HttpServerResponse.HttpServerResponse) => {
  const html = response.body._tag === "Uint8Array" ? new TextDecoder().decode(response.body.body) : ""
  return HttpServerResponse.setHeaders(response, {
    "content-security-policy": policyFor(html),
    "cache-control": "max-age=300"
  })
}

/** Nothing from elsewhere: no fonts, no icon that is not ours. */
const scalar = {
  withDefaultFonts: false,
  favicon: "/assets/icon.svg",
  authentication: { preferredSecurityScheme: "bearer" }
}

const page = HttpRouter.toHttpEffect(
  HttpApiScalar.layer(Api, {
    path: "/docs",
    scalar
  })
).pipe(
  Effect.flatten,
  Effect.map(withPolicy),
  Effect.orDie,
  Effect.scoped,
  // Whoever comes first makes it for all, even if they leave before it is done.
  Effect.uninterruptible
)

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(Effect.cached(page), (cached) => router.add("GET", "/docs", cached))
)
