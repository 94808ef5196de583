/** Requests that do not decode: a 400 whose `issues` name the wrong fields of path, query or body. */
import { Effect, Layer, type Schema, SchemaIssue } from "effect"
import { HttpApiError, HttpApiMiddleware } from "effect/http-api"
import { InvalidInput, type Issue } from "../../domain/Errors.ts"
import { problems, respond } from "./Problem.ts"

/** A thousand wrong ids need not all be listed to be found. */
const MAX_ISSUES = 20

const standard = SchemaIssue.makeFormatterStandardSchemaV1()

const toIssues = ({ issue }: Schema.SchemaError): ReadonlyArray<Issue> =>
  standard(issue)
    .issues.slice(0, MAX_ISSUES)
    .map(({ message, path }) => ({
      path: (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."),
      message
    }))

/** An answer of ours that does not encode is our fault, not the caller's. */
const isOurFault = (error: HttpApiError.HttpApiSchemaError): boolean =>
  error.kind === "Body" || error.kind === "ResponseHeaders"

export class InvalidRequests extends HttpApiMiddleware.Service<InvalidRequests>()(
  "messaging-service/edges/rest/InvalidRequests",
  { error: problems(400) }
) {}

export const layer = Layer.succeed(InvalidRequests, (handler) =>
  handler.pipe(
    Effect.catch((error) => {
      if (!HttpApiError.HttpApiSchemaError.is(error)) return Effect.fail(error)
      return isOurFault(error)
        ? Effect.die(error)
        : respond(new InvalidInput({ issues: toIssues(error.cause) }))
    })
  )
)
