/** The caller, across their conversations. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { MyStatus, Positions } from "../../../domain/Answers.ts"
import { MarkAllRead } from "../../../domain/Commands.ts"
import { Preferences, UpdatePreferences } from "../../../domain/Preferences.ts"
import { Unread } from "../../../domain/ports/SyncStore.ts"
import { problems } from "../Problem.ts"

export class MeApi extends HttpApiGroup.make("me")
  .add(
    HttpApiEndpoint.get("status", "/me/status", { success: MyStatus, error: problems(503) }).annotateMerge(
      OpenApi.annotations({ summary: "My conversations, unread messages and preferences in numbers" })
    ),
    HttpApiEndpoint.get("unread", "/me/unread", { success: Unread, error: problems(503) }).annotateMerge(
      OpenApi.annotations({
        summary: "What I have not read",
        description: "The most recently active conversations first. Each counts up to a thousand messages."
      })
    ),
    HttpApiEndpoint.post("markAllRead", "/me/mark-as-read", {
      payload: MarkAllRead,
      success: Positions,
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Mark everything in these conversations as read",
        description: "Answers my positions; of a conversation that I am no member of, none."
      })
    ),
    HttpApiEndpoint.get("preferences", "/me/preferences", {
      success: Preferences,
      error: problems(503)
    }).annotateMerge(OpenApi.annotations({ summary: "My preferences" })),
    HttpApiEndpoint.patch("updatePreferences", "/me/preferences", {
      payload: UpdatePreferences,
      success: Preferences,
      error: problems(503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Change my preferences",
        description: "What is left out stays as it is. Without `read_receipts` I neither give nor get any."
      })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Me" })) {}
