/**
 * Traces, metrics and logs for an OpenTelemetry collector, by OTLP over HTTP. The layer puts a tracer and a logger in
 * place, which hand over to exporters while those run; the supervision tree runs them. Without the layer there is neither.
 *
 * A span says what was done, when, and with which kind of error; never a query, a header or an error's text, which may
 * hold what somebody wrote. What a collector does not take is dropped: nothing waits for it, and memory stays bounded.
 */
import {
  Cause,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Layer,
  Logger,
  Metric,
  Option,
  Random,
  Redacted,
  Tracer
} from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, UrlParams } from "effect/http"
import { OtlpExporter, OtlpLogger, OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import { newId } from "../../domain/TimeOrderedId.ts"

export interface TelemetryOptions {
  /** Of the collector; `/v1/traces`, `/v1/metrics` and `/v1/logs` are below it. */
  readonly url: URL
  /** Sent with every request, such as a key. */
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly interval: Duration.Duration
  /** Part of the traces that is sent, from 0 to 1. */
  readonly ratio: number
  readonly environment: string
  readonly version: string
}

/** Requests to the collector at a time: past it, it is given up for a minute. */
const MAX_REQUESTS = 8
const REQUEST_TIMEOUT = "5 seconds"
/** Of each of the three exporters, at a shutdown. */
const FLUSH_TIMEOUT = Duration.seconds(2)

const failures = Metric.counter("otlp_failures_total", {
  description: "Requests that the collector of telemetry did not take",
  incremental: true
})

/** A defect, since a failure would be tried again, with what it holds in memory. */
class CollectorTooSlow extends Data.TaggedError("CollectorTooSlow") {}

export class Telemetry extends Context.Service<
  Telemetry,
  {
    /** Sends until it is interrupted, and then what is left; the supervision tree runs it. */
    readonly run: Effect.Effect<never>
  }
>()("messaging-service/layers/telemetry/Telemetry") {}

/** An error by its name alone, and without a stack, which would repeat its text. */
const named = (error: unknown): Error => {
  const name = error instanceof Error ? error.name : "Error"
  return Object.assign(new Error(name), { name, stack: name })
}

const withoutText = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
    ? exit
    : Exit.fail(named(Cause.squash(exit.cause)))

/** By its last 32 bits, so that all who see a trace decide alike. */
const isWithin = (ratio: number, traceId: string): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < ratio * 2 ** 32

/** A child goes with its parent. Whoever calls us may ask for a trace, and does not decide. */
const isSampled = (
  ratio: number,
  { parent, sampled }: Parameters<Tracer.Tracer["span"]>[0],
  dice: number
) => {
  if (!sampled || Option.isNone(parent)) return sampled && dice < ratio
  return parent.value._tag === "Span" || isWithin(ratio, parent.value.traceId)
}

/** One client for all exporters: bounded in time and number, and an outage of the collector is logged once. */
const collectorClient = Effect.map(HttpClient.HttpClient, (client) => {
  let underWay = 0
  let isTroubled = false
  const troubled = (why: string) =>
    Effect.suspend(() => {
      const log = isTroubled ? Effect.logDebug : Effect.logWarning
      isTroubled = true
      return Effect.andThen(
        Metric.update(failures, 1),
        log("The collector of telemetry cannot be used").pipe(Effect.annotateLogs({ why }))
      )
    })
  return HttpClient.transform(client, (answer, request) =>
    Effect.suspend(() => {
      if (underWay >= MAX_REQUESTS)
        return Effect.andThen(troubled("it is too slow"), Effect.die(new CollectorTooSlow()))
      underWay++
      return answer.pipe(
        Effect.timeoutOrElse({
          duration: REQUEST_TIMEOUT,
          orElse: () =>
            Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({ request, description: "it does not answer" })
              })
            )
        }),
        Effect.tap(({ status }) =>
          status < 300 ? Effect.sync(() => (isTroubled = false)) : troubled(`it answers ${status}`)
        ),
        Effect.tapError(() => troubled("it cannot be reached")),
        Effect.ensuring(Effect.sync(() => underWay--))
      )
    })
  )
})

const make = Effect.fnUntraced(function* (options: TelemetryOptions) {
  const { environment, headers, interval: exportInterval, ratio, url, version } = options
  const dice = yield* Random.Random
  let exporting: { readonly tracer: Tracer.Tracer; readonly logger: Logger.Logger<unknown, void> } | undefined

  const instance = newId()
  const base = url.href.endsWith("/") ? url.href : `${url.href}/`

  const signal = (name: string) => ({
    url: `${base}v1/${name}`,
    headers: Redacted.value(headers),
    exportInterval,
    shutdownTimeout: FLUSH_TIMEOUT,
    resource: {
      serviceName: "messaging-service",
      serviceVersion: version,
      attributes: { "service.instance.id": instance, "deployment.environment.name": environment }
    }
  })

  const run = Effect.gen(function* () {
    const logger = yield* OtlpLogger.make(signal("logs"))
    const tracer = yield* OtlpTracer.make(signal("traces"))
    yield* OtlpMetrics.make(signal("metrics"))
    yield* Effect.acquireRelease(
      Effect.sync(() => (exporting = { logger, tracer })),
      () => Effect.sync(() => (exporting = undefined))
    )
    return yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(
        OtlpExporter.layerFlusher,
        OtlpSerialization.layerJson,
        Layer.effect(HttpClient.HttpClient, collectorClient).pipe(Layer.provide(FetchHttpClient.layer))
      )
    )
  )

  const tracer = Tracer.make({
    span: (asked) => {
      const sampled = isSampled(ratio, asked, dice.nextDoubleUnsafe())
      const span = (exporting?.tracer ?? Tracer.nativeTracer).span({ ...asked, sampled })
      const end = span.end.bind(span)
      span.end = (at, exit) => end(at, withoutText(exit))
      return span
    }
  })
  const logger = Logger.make<unknown, void>((entry) => exporting?.logger.log(entry))

  return Layer.mergeAll(
    Layer.succeed(Telemetry, Telemetry.of({ run })),
    Layer.succeed(Tracer.Tracer, tracer),
    Layer.succeed(UrlParams.CurrentRedactedNames, [/.*/]),
    Logger.layer([logger], { mergeWithExisting: true })
  )
})

export const layer = (options: TelemetryOptions) => Layer.unwrap(make(options))
