/** Requests that do not decode: a 400 whose `issues` name the wrong fields of path, query or body. */
import { Effect, type Schema, SchemaIssue } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
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

export class InvalidRequests extends HttpApiMiddleware.Service<InvalidRequests>()(
  "messaging-service/edges/rest/InvalidRequests",
  { error: problems(400) }
) {}

export const layer = HttpApiMiddleware.layerSchemaErrorTransform(InvalidRequests, (error) =>
  // An answer of ours that does not encode is our fault, not the caller's.
  error.kind === "Body" || error.kind === "ResponseHeaders"
    ? Effect.die(error)
    : respond(new InvalidInput({ issues: toIssues(error.cause) }))
)
