/** Nodes as Kubernetes runs them: who owns conversations follows what the API says of the pods. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { makeIssuer } from "../layers/jwt/JwtIssuer.ts"
import * as AppProcess from "../support/AppProcess.ts"
import * as KubernetesApi from "../support/KubernetesApi.ts"
import * as Nodes from "../support/Nodes.ts"
import * as Poll from "../support/Poll.ts"
import { RestClient } from "../support/RestClient.ts"
import * as TempDir from "../support/TempDir.ts"

const hosts = ["127.0.0.1", "127.0.0.2"] as const

describe("Two nodes in Kubernetes", () => {
  it.live(
    "leave the conversations of a pod that is not ready to the other, and ping when the API is away",
    () =>
      Effect.gen(function* () {
        const api = yield* KubernetesApi.make
        for (const host of hosts) api.pods.set(host, "ready")
        const issuer = yield* Effect.promise(() => makeIssuer("ES256"))
        const jwks = join(yield* TempDir.make("jwks"), "jwks.json")
        writeFileSync(jwks, JSON.stringify(issuer.jwks))
        const { env, postgres } = yield* Nodes.ground({
          APP_ENV: "kube",
          CLUSTER: "on",
          JWT_JWKS_FILE: jwks,
          KUBERNETES_API: api.api,
          KUBERNETES_ACCOUNT: api.account
        })
        const nodes = yield* Effect.forEach(hosts, (NODE_HOST) =>
          AppProcess.start({ env: { ...env, NODE_HOST } })
        )
        yield* Effect.forEach(nodes, Nodes.hasRedis)

        /** The hosts that are to own conversations. */
        const healthy = Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          const rows = yield* sql<{ readonly address: string }>`
            SELECT address FROM cluster_runners WHERE healthy ORDER BY address`
          return rows.map(({ address }) => address.split(":")[0])
        }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(postgres.url) })))
        const healthyAre = (...expected: ReadonlyArray<string>) =>
          Poll.until(
            Effect.map(healthy, (found) => found.join() === expected.join()),
            { deadline: 20_000, what: `only ${expected.join(" and ")} to be healthy` }
          )

        const now = Math.floor(Date.now() / 1000)
        const claims = { iss: "auth-service", aud: "messaging-service", device_id: "phone" }
        const person = Effect.fnUntraced(function* (sub: string) {
          const all = { ...claims, sub, jti: crypto.randomUUID(), iat: now, exp: now + 600 }
          const token = yield* Effect.promise(() => issuer.sign(all))
          return nodes.map(({ url }) => new RestClient(url, token))
        })
        const bob = crypto.randomUUID()
        const alices = yield* person(crypto.randomUUID())
        const { id } = yield* alices[0]!.ok<{ readonly id: string }>("POST", "/api/v1/conversations", {
          type: "direct",
          member_ids: [bob]
        })
        let count = 0
        const bothSend = Effect.forEach(alices, (alice) =>
          Effect.gen(function* () {
            const { seq } = yield* alice.ok<{ readonly seq: number }>(
              "POST",
              `/api/v1/conversations/${id}/messages`,
              { content: "hello", client_random: count }
            )
            assert.strictEqual(seq, ++count)
          })
        )

        yield* healthyAre(...hosts)
        yield* bothSend
        api.pods.set(hosts[1], "not ready")
        yield* healthyAre(hosts[0])
        yield* bothSend
        // Both processes live: so says a ping, once nobody else can say.
        api.state.broken = "forbids"
        yield* healthyAre(...hosts)
        yield* bothSend
        api.state.broken = undefined
        yield* healthyAre(hosts[0])
        api.pods.set(hosts[1], "ready")
        yield* healthyAre(...hosts)
        yield* bothSend
      }),
    { timeout: 120_000 }
  )
})
