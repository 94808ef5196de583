/** A user of the REST API in tests: one token, plain fetch, the answer's status beside its body. */
import { Data, Effect } from "effect"
import * as Written from "./Written.ts"

export class RestError extends Data.TaggedError("RestError")<{
  readonly status: number
  readonly body: unknown
}> {}

export interface Answer<A> {
  readonly status: number
  readonly headers: Headers
  readonly body: A
}

export class RestClient {
  readonly url: string
  readonly token: string

  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  /** Answers whatever the server says. */
  request<A>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {}
  ): Effect.Effect<Answer<A>> {
    return Effect.promise(async () => {
      Written.note(body)
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: (text === "" ? null : JSON.parse(text)) as A
      }
    })
  }

  /** Fails unless the answer is a success. */
  ok<A>(method: string, path: string, body?: unknown): Effect.Effect<A, RestError> {
    return Effect.flatMap(this.request<A>(method, path, body), (answer) =>
      answer.status < 300
        ? Effect.succeed(answer.body)
        : Effect.fail(new RestError({ status: answer.status, body: answer.body }))
    )
  }
}
