/**
 * Which nodes of a cluster live, by what Kubernetes says of their pods: ready, or about to be. It knows of a pod that was
 * deleted, that drains or that fails its probes, and does not mistake a cut between two nodes for the death of either.
 *
 * While the API does not answer, or may not be asked, whoever was to be asked instead decides: there is no cluster that
 * loses its owners because its control plane is away.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Layer, Schema } from "effect"
import { Pod } from "effect/cluster/K8sHttpClient"
import { RunnerHealth } from "effect/cluster/RunnerHealth"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

export interface KubernetesOptions {
  /** `https://host:port` */
  readonly api: string
  /** The directory in which the pod finds its service account: `ca.crt`, `namespace`, `token`. */
  readonly account: string
  /** The label selector of the nodes' pods. */
  readonly selector: string
}

/** How long an answer holds, and how long one is waited for. */
const FRESH = "1 second"
const PATIENCE = "1 second"

const PodList = Schema.Struct({ items: Schema.Array(Pod) })

/** The addresses of pods that live. */
const livingPods = ({ account, api, selector }: KubernetesOptions) =>
  Effect.gen(function* () {
    // Read each time: Kubernetes renews the token.
    const [token, namespace] = yield* Effect.all(
      ["token", "namespace"].map((name) => Effect.tryPromise(() => readFile(join(account, name), "utf8")))
    )
    const request = HttpClientRequest.get(`${api}/api/v1/namespaces/${namespace?.trim()}/pods`).pipe(
      // Version 0 is what the API has at hand: nobody reads etcd every second on our account.
      HttpClientRequest.setUrlParams({
        labelSelector: selector,
        fieldSelector: "status.phase=Running",
        resourceVersion: "0"
      }),
      HttpClientRequest.bearerToken(token?.trim() ?? "")
    )
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const { items } = yield* Effect.flatMap(
      client.execute(request),
      HttpClientResponse.schemaBodyJson(PodList)
    )
    return new Set(items.filter((pod) => pod.isReadyOrInitializing).map(({ status }) => status.podIP))
  }).pipe(
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.timeout(PATIENCE)
  )

/** Over the RunnerHealth that is asked instead. */
export const layer = (options: KubernetesOptions) =>
  Layer.effect(
    RunnerHealth,
    Effect.gen(function* () {
      const instead = yield* RunnerHealth
      let isAway = false
      const pods = yield* livingPods(options).pipe(
        Effect.tap(() => {
          const wasAway = isAway
          isAway = false
          return wasAway ? Effect.logInfo("The Kubernetes API answers again") : Effect.void
        }),
        Effect.tapError((error) => {
          const wasAway = isAway
          isAway = true
          return wasAway
            ? Effect.void
            : Effect.logWarning(
                "The Kubernetes API does not tell which pods are ready: nodes are pinged",
                error.message
              )
        }),
        Effect.provideService(HttpClient.HttpClient, yield* HttpClient.HttpClient),
        Effect.cachedWithTTL(FRESH)
      )
      return RunnerHealth.of({
        isAlive: (address) =>
          Effect.matchEffect(pods, {
            onSuccess: (living) => Effect.succeed(living.has(address.host)),
            onFailure: () => instead.isAlive(address)
          })
      })
    })
  ).pipe(
    Layer.provide(
      Layer.unwrap(
        Effect.tryPromise(() => readFile(join(options.account, "ca.crt"))).pipe(
          // Without an authority of its own, the API is trusted as any server is.
          Effect.orElseSucceed(() => undefined),
          Effect.map((ca) => NodeHttpClient.layerNodeHttpOptions(ca === undefined ? {} : { ca }))
        )
      )
    )
  )
