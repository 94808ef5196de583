/**
 * The examples of the OpenAPI document: what is in `examples.json`, in the place of each operation. A test plays that
 * file against a running service, from its first request to its last, and finds these answers (`test/edges/rest/Examples.test.ts`).
 */
import { Record } from "effect"
import examples from "./examples.json" with { type: "json" }

type Json = Readonly<Record<string, unknown>>

export interface Example {
  /** Its operation's id. Of several examples of an operation the first is shown. */
  readonly operation: string
  /** Who asks: `alice`, `bob` or `carol`; nobody where no token is needed. */
  readonly as?: string
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly status: number
  readonly response?: unknown
}

const all = examples as ReadonlyArray<Example>

const of = new Map(all.toReversed().map((example) => [example.operation, example]))

interface Parameter extends Json {
  readonly name: string
  readonly in: string
  readonly schema: { readonly type?: string }
}

interface Operation extends Json {
  readonly operationId: string
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: { readonly content: Readonly<Record<string, Json>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Json>> }>>
}

const parameterOf = (example: Example, parameter: Parameter): Parameter => {
  const given = { ...example.params, ...example.query, ...example.headers }[parameter.name]
  if (given === undefined) return parameter
  return { ...parameter, example: parameter.schema.type === "integer" ? Number(given) : given } as Parameter
}

const contentWith = (content: Readonly<Record<string, Json>>, example: unknown) =>
  Record.map(content, (media) => ({ ...media, example }))

const shown = (operation: Operation): Operation => {
  const example = of.get(operation.operationId)
  if (example === undefined) return operation
  const { parameters = [], requestBody, responses } = operation
  return {
    ...operation,
    parameters: parameters.map((parameter) => parameterOf(example, parameter)),
    ...(requestBody && example.body !== undefined
      ? { requestBody: { ...requestBody, content: contentWith(requestBody.content, example.body) } }
      : {}),
    responses: Record.map(responses, (response, status) =>
      response.content && status === String(example.status)
        ? { ...response, content: contentWith(response.content, example.response) }
        : response
    )
  }
}

export const withExamples = (paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>) =>
  Record.map(paths, (methods) => Record.map(methods, shown))
