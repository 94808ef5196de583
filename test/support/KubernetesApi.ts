/**
 * As much of the Kubernetes API as says which pods there are, over real TLS with an authority of its own, and the files
 * of a service account that may ask it.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { makeAuthority } from "./Certificates.ts"
import * as TempDir from "./TempDir.ts"

export const NAMESPACE = "messaging"
export const SELECTOR = "app.kubernetes.io/name=messaging-service"

/** `booting` has not been ready yet. */
export type PodState = "ready" | "not ready" | "booting"

const CREATED = "2026-11-28T10:00:00Z"
const LATER = "2026-11-28T10:05:00Z"

const pod = (ip: string, state: PodState) => ({
  metadata: { name: `messaging-service-${ip}`, namespace: NAMESPACE },
  spec: { containers: [{ name: "messaging-service", image: "messaging-service" }] },
  status: {
    phase: "Running",
    conditions: [
      { type: "Initialized", status: "True", lastProbeTime: null, lastTransitionTime: CREATED },
      {
        type: "Ready",
        status: state === "ready" ? "True" : "False",
        lastProbeTime: null,
        lastTransitionTime: state === "booting" ? CREATED : LATER
      }
    ],
    hostIP: "192.0.2.1",
    podIP: ip
  }
})

export const make = Effect.gen(function* () {
  const authority = yield* makeAuthority("kubernetes")
  const account = join(yield* TempDir.make("service-account"), "account")
  mkdirSync(account)
  const put = (name: string, text: string) => writeFileSync(join(account, name), text)
  put("ca.crt", readFileSync(authority.ca, "utf8"))
  put("namespace", NAMESPACE)

  const pods = new Map<string, PodState>()
  const state = { token: "first", broken: undefined as "forbids" | "babbles" | "hangs" | undefined, asked: 0 }
  put("token", `${state.token}\n`)

  const { cert, key } = authority.issue("localhost")
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    state.asked++
    if (state.broken === "hangs") return
    const { pathname, searchParams } = new URL(request.url ?? "", "https://localhost")
    const isAllowed = request.headers.authorization === `Bearer ${state.token}` && state.broken !== "forbids"
    const isKnown =
      pathname === `/api/v1/namespaces/${NAMESPACE}/pods` &&
      searchParams.get("labelSelector") === SELECTOR &&
      searchParams.get("fieldSelector") === "status.phase=Running"
    response.writeHead(isAllowed ? (isKnown ? 200 : 404) : 403, { "content-type": "application/json" })
    if (state.broken === "babbles") return response.end('{"kind":"PodList","items":[{}]}')
    const items = Array.from(pods, ([ip, state]) => pod(ip, state))
    response.end(JSON.stringify({ kind: "PodList", apiVersion: "v1", items }))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return {
    api: `https://localhost:${(server.address() as AddressInfo).port}`,
    account,
    selector: SELECTOR,
    /** By address. */
    pods,
    state,
    /** Gives the account another token; the former one is good for nothing any more. */
    renewToken: (token: string) => {
      state.token = token
      put("token", token)
    },
    stop: Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  }
})
