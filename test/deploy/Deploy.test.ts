/** The deployment files against the code: a variable that the service does not read, or a file that is not there. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { IpNetwork } from "effect/net"
import { settings } from "../../src/layers/config/Settings.ts"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** Of the images beside ours, and of the runtime. */
const foreign = /^(POSTGRES|GF)_|^NODE_(ENV|OPTIONS)$/

const own = new Set(["APP_ENV", ...Object.values(settings).map(({ name }) => name)])

describe("The deployment files", () => {
  it("set only variables that the service reads", () => {
    const files = globSync("deploy/**/*.{yaml,yml}", { cwd: root }).filter(
      (path) => !path.includes("grafana/")
    )
    const texts = [...files, "deploy/Dockerfile"].map(read)
    const named = texts.flatMap((text) =>
      [...text.matchAll(/\b([A-Z][A-Z_]{3,})(?==|:(?: |$))|name: ([A-Z][A-Z_]{3,})\b/gm)].map(
        ([, key, name]) => key ?? name!
      )
    )
    assert.include(named, "NODE_HOST")
    assert.include(named, "JWT_JWKS_URL")
    assert.deepStrictEqual(
      named.filter((name) => !own.has(name) && !foreign.test(name)),
      []
    )
  })

  it("copy into the image what is there, and all that the service reads", () => {
    const copied = [...read("deploy/Dockerfile").matchAll(/^COPY (?!--)(\S+)/gm)].map(([, path]) => path!)
    for (const path of copied) assert.isTrue(existsSync(join(root, path)), path)
    assert.includeMembers(copied, ["src", "migrations", "proto", "web"])
  })

  it("run the node that the repository pins", () => {
    const pinned: string = JSON.parse(read("package.json")).devDependencies.node
    for (const [, major] of read("deploy/Dockerfile").matchAll(/^FROM node:(\d+)/gm)) {
      assert.strictEqual(major, pinned.split(".")[0])
    }
  })

  it("show on the dashboard only metrics that there are", () => {
    const dashboard: {
      readonly panels: ReadonlyArray<{ readonly targets: ReadonlyArray<{ readonly expr: string }> }>
    } = JSON.parse(read("deploy/grafana/dashboards/messaging-service.json"))
    const known = new Set([...read("docs/metrics.md").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!))
    const shown = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [])
    )
    assert.isAbove(shown.length, 20)
    assert.deepStrictEqual(
      shown.filter((name) => !known.has(name)),
      []
    )
  })

  describe("for Kubernetes", () => {
    const deployment = read("deploy/kubernetes/deployment.yaml")
    const number = (pattern: RegExp) => Number(pattern.exec(deployment)?.[1])

    it("are all applied together", () => {
      const listed = [...read("deploy/kubernetes/kustomization.yaml").matchAll(/^ {2}- ([\w-]+\.yaml)$/gm)]
      const there = globSync("*.yaml", { cwd: join(root, "deploy/kubernetes") })
      assert.sameMembers([...listed.map(([, file]) => file!), "kustomization.yaml"], there)
    })

    it("probe what the service answers, on ports that it listens on", () => {
      const paths = [...deployment.matchAll(/httpGet: \{ path: (\S+), port: http \}/g)].map(
        ([, path]) => path!
      )
      assert.strictEqual(paths.length, 3)
      const served = read("src/edges/rest/api/HealthApi.ts")
      for (const path of paths) assert.include(served, `"${path}"`)
      assert.strictEqual(number(/name: http, containerPort: (\d+)/), Number(settings.port.shown("kube")))
      assert.strictEqual(number(/name: grpc, containerPort: (\d+)/), Number(settings.grpcPort.shown("kube")))
      assert.strictEqual(number(/name: node, containerPort: (\d+)/), number(/NODE_PORT, value: "(\d+)"/))
    })

    it("leave a pod the time that it takes to drain", () => {
      const drain = Duration.toSeconds(
        Duration.fromInputUnsafe(settings.drainTimeout.shown("kube") as "1 second")
      )
      // The hook, the drain, and the ten seconds that the tree waits for what is in flight.
      const needed = number(/preStop: \{ sleep: \{ seconds: (\d+) \} \}/) + drain + 10
      assert.isAtLeast(number(/terminationGracePeriodSeconds: (\d+)/), needed)
      assert.isAtLeast(Number(/stop_grace_period: (\d+)s/.exec(read("deploy/compose.yaml"))?.[1]), drain + 10)
    })

    it("ask for resources, by which the autoscaler counts, and keep most pods through disruptions", () => {
      assert.match(deployment, /requests: \{ cpu: "\d+", memory: \d+Gi \}/)
      assert.match(read("deploy/kubernetes/autoscaler.yaml"), /kind: Deployment, name: messaging-service/)
      assert.match(read("deploy/kubernetes/disruption-budget.yaml"), /maxUnavailable: 1$/m)
      assert.notMatch(
        deployment,
        /^ {2}replicas:/m,
        "an upgrade would take away what the autoscaler has added"
      )
      assert.match(read("deploy/kubernetes/autoscaler.yaml"), /minReplicas: 3$/m)
    })

    it("give a pod the heap that its sockets take, so that the next one is refused and nothing crashes", () => {
      const limit = number(/limits: \{ memory: (\d+)Gi \}/) * 2 ** 30
      const heap = (limit * number(/max-old-space-size-percentage=(\d+)/)) / 100
      const socket =
        Number(/\| memory \| (\d+) KB for an idle socket/.exec(read("docs/scaling.md"))?.[1]) * 2 ** 10
      assert.isAtMost(number(/MAX_SOCKETS, value: "(\d+)"/) * socket * 1.5, heap)
    })

    it("say themselves which pods they mean, where Kustomize only adds to what there is", () => {
      for (const [file, selector] of [
        ["disruption-budget", /^ {2}selector:\n {4}matchLabels: (.+)$/m],
        ["network-policy", /^ {2}podSelector:\n {4}matchLabels: (.+)$/m],
        ["network-policy", /- podSelector:\n {12}matchLabels: (.+)$/m]
      ] as const) {
        const labels = selector.exec(read(`deploy/kubernetes/${file}.yaml`))?.[1]
        assert.strictEqual(labels, "{ app.kubernetes.io/name: messaging-service }", file)
      }
    })

    it("let the nodes ask which pods are ready, under the label they ask by", () => {
      const account = /serviceAccountName: (\S+)/.exec(deployment)?.[1]
      const rights = read("deploy/kubernetes/service-account.yaml")
      assert.include(rights, `kind: ServiceAccount, name: ${account}`)
      assert.match(rights, /resources: \[pods\]\n {4}verbs: \[list\]/)
      const [label, value] = settings.kubernetesSelector.shown("kube").split("=")
      assert.include(read("deploy/kubernetes/kustomization.yaml"), `${label}: ${value}`)
    })
  })

  it("believe their proxy's word for where requests come from, or all clients would be one to the limits", () => {
    const compose = read("deploy/compose.yaml")
    const subnet = /subnet: ([\d./]+)/.exec(compose)?.[1]
    assert.strictEqual(/TRUSTED_PROXIES: (.+)/.exec(compose)?.[1], subnet)
    assert.isTrue(IpNetwork.fromString(subnet ?? "")._tag === "Success", subnet)
    assert.match(read("deploy/kubernetes/kustomization.yaml"), /^ {6}- TRUSTED_PROXIES=[\d./]+$/m)
  })

  it("leave no node out for an answer it gave, and find one that was made anew", () => {
    const nginx = read("deploy/nginx.conf")
    const servers = nginx.match(/^ +server node-.+;$/gm) ?? []
    assert.strictEqual(servers.length, 6)
    for (const server of servers) assert.match(server, / resolve max_fails=0;$/)
    assert.strictEqual(nginx.match(/^ +zone /gm)?.length, 2)
    assert.match(nginx, /^ {2}resolver /m)
  })

  it("watch all nodes, and show them from a source that there is", () => {
    const nodes = [...read("deploy/compose.yaml").matchAll(/^ {2}(node-\d+):$/gm)].map(([, node]) => node!)
    assert.strictEqual(nodes.length, 3)
    const [port, grpcPort] = [settings.port.shown("prod"), settings.grpcPort.shown("prod")]
    for (const node of nodes) {
      assert.include(read("deploy/prometheus.yml"), `"${node}:${port}"`)
      assert.include(read("deploy/nginx.conf"), `server ${node}:${port} `)
      assert.include(read("deploy/nginx.conf"), `server ${node}:${grpcPort} `)
    }
    const sources = [
      ...read("deploy/grafana/dashboards/messaging-service.json").matchAll(/"uid": "(\w+)"/g)
    ].map(([, uid]) => uid!)
    const source = /^ +uid: (\S+)$/m.exec(
      read("deploy/grafana/provisioning/datasources/prometheus.yaml")
    )?.[1]
    assert.include(sources, source)
  })
})
