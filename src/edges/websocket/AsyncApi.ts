/**
 * The AsyncAPI 3 document of the channels, made of the schemas that decode what clients send. It describes payloads; the
 * frames around them are those of Phoenix Channels. Served as JSON at `/api/asyncapi.json`.
 */
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { Notice } from "../../domain/ConversationEvent.ts"
import {
  type ChannelEvents,
  connectionEvents,
  conversationEvents,
  type Request,
  userEvents
} from "../../domain/protocol/ChannelEvents.ts"

type Json = Readonly<Record<string, unknown>>

const SCHEMAS = "#/components/schemas/"

/** Schemas with an identifier, under it; they refer to each other by it. */
class Components {
  readonly schemas: Record<string, unknown> = {}

  of(schema: Schema.Constraint): unknown {
    const { definitions, schema: own } = Schema.toJsonSchemaDocument(schema)
    for (const [name, definition] of Object.entries(definitions)) this.schemas[name] = relocated(definition)
    return relocated(own)
  }
}

const relocated = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(`"$ref":"#/$defs/`, `"$ref":"${SCHEMAS}`))

const reply = (response: unknown): Json => ({
  oneOf: [
    {
      type: "object",
      properties: { status: { const: "ok" }, response },
      required: ["status", "response"]
    },
    { $ref: `${SCHEMAS}Refused` }
  ]
})

const refused: Json = {
  type: "object",
  description: "What comes with a reason depends on it.",
  properties: {
    status: { const: "error" },
    response: { type: "object", properties: { reason: { type: "string" } }, required: ["reason"] }
  },
  required: ["status", "response"]
}

const entries = <A>(record: Readonly<Record<string, A>>) => Object.entries(record)

const channelOf = (name: string, events: ChannelEvents, components: Components): Json => {
  const parameter = /\{(\w+)\}/.exec(events.address)?.[1]
  const request = ([event, { payload, reply: response, summary }]: [string, Request]) => [
    [`${event}`, { name: event, summary, payload: components.of(payload) }],
    [`${event}.reply`, { name: "phx_reply", payload: reply(components.of(response)) }]
  ]
  const notice = ([event, { payload, summary }]: [string, Notice]) => [
    [event, { name: event, summary, payload: components.of(payload) }]
  ]
  return {
    address: events.address,
    title: name,
    summary: events.summary,
    ...(parameter === undefined
      ? {}
      : { parameters: { [parameter]: { description: "A UUID in lower case" } } }),
    messages: Object.fromEntries([
      ...entries(events.requests).flatMap(request),
      ...entries(events.notices).flatMap(notice)
    ])
  }
}

const operationsOf = (
  name: string,
  { notices, requests }: ChannelEvents
): ReadonlyArray<readonly [string, Json]> => {
  const channel = { $ref: `#/channels/${name}` }
  const message = (key: string) => ({ $ref: `#/channels/${name}/messages/${key}` })
  return [
    ...Object.keys(requests).map(
      (event) =>
        [
          `${name}.${event}`,
          {
            action: "receive",
            channel,
            messages: [message(event)],
            reply: { channel, messages: [message(`${event}.reply`)] }
          }
        ] as const
    ),
    ...Object.keys(notices).map(
      (event) => [`${name}.${event}`, { action: "send", channel, messages: [message(event)] }] as const
    )
  ]
}

const channels = { conversation: conversationEvents, user: userEvents, connection: connectionEvents }

const server = (pathname: string, protocol: string, description: string): Json => ({
  host: "{host}",
  pathname,
  protocol,
  description,
  variables: { host: { default: "localhost:4000" } }
})

export const make = (): Json => {
  const components = new Components()
  const described = entries(channels).map(
    ([name, events]) => [name, channelOf(name, events, components)] as const
  )
  return {
    asyncapi: "3.0.0",
    info: {
      title: "messaging-service, real time",
      version: "1.0.0",
      description:
        "Phoenix Channels, versions 1 and 2. See docs/protocol.md for the frames and for transcripts."
    },
    defaultContentType: "application/json",
    servers: {
      websocket: server("/socket/websocket", "ws", "Parameters `vsn=2.0.0` and `token`, or `ticket`."),
      longpoll: server("/socket/longpoll", "http", "The same, for networks that let no WebSocket through.")
    },
    channels: Object.fromEntries(described),
    operations: Object.fromEntries(entries(channels).flatMap(([name, events]) => operationsOf(name, events))),
    components: { schemas: { ...components.schemas, Refused: refused } }
  }
}

/** Made at the first request for it. */
export const layer = HttpRouter.use((router) =>
  Effect.flatMap(Effect.cached(Effect.sync(() => HttpServerResponse.jsonUnsafe(make()))), (document) =>
    router.add("GET", "/api/asyncapi.json", document)
  )
)
