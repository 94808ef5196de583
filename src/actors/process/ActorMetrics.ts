/**
 * What actors count, by their kind: never by their id, because there is no end to those.
 *
 * - `actor_mailbox_full_total`: messages that found a mailbox full, whatever became of them.
 * - `actor_call_timeouts_total`: calls that nobody answered within their deadline.
 * - `actor_registry_size`: live actors of a registry, whose id is their kind.
 */
import { type Context, Metric } from "effect"

export interface ActorMetrics {
  readonly mailboxFull: Metric.Counter<number>
  readonly callTimeouts: Metric.Counter<number>
}

const byKind = new Map<string, ActorMetrics>()

/** The counters of a kind of actors. */
export const metricsOf = (kind: string): ActorMetrics => {
  let metrics = byKind.get(kind)
  if (metrics === undefined) {
    const counter = (id: string, description: string): Metric.Counter<number> =>
      Metric.counter(id, { description, attributes: { kind }, incremental: true })
    metrics = {
      mailboxFull: counter("actor_mailbox_full_total", "Messages that found a mailbox full"),
      callTimeouts: counter("actor_call_timeouts_total", "Calls not answered within their deadline")
    }
    byKind.set(kind, metrics)
  }
  return metrics
}

/** Shows the size of a registry, read when metrics are, until the returned function is called. */
export const showRegistrySize = (
  registry: string,
  context: Context.Context<never>,
  size: () => number
): (() => void) => {
  const gauge = Metric.gauge("actor_registry_size", {
    description: "Live actors of a registry",
    attributes: { kind: registry }
  })
  const ignore = (): void => {}
  const shown = Metric.registerUnsafe(gauge, context, {
    get: () => ({ value: size() }),
    update: ignore,
    modify: ignore
  })
  return () => shown.remove()
}
