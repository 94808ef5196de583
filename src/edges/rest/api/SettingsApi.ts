/** The settings of a conversation, and one's own in it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import {
  ConversationSettings,
  MemberSettings,
  UpdateMemberSettings,
  UpdateSettings
} from "../../../domain/ConversationSettings.ts"
import { ConversationId } from "../../../domain/Ids.ts"
import { problems } from "../Problem.ts"
import { ConversationTag } from "./ConversationsApi.ts"

const params = { conversation_id: ConversationId }

/** Shorthands of the settings of one's own that people use most; each answers all of them. */
const shorthand = { params, success: MemberSettings, error: problems(403, 409, 503) }

export class SettingsApi extends HttpApiGroup.make("settings")
  .add(
    HttpApiEndpoint.get("show", "/conversations/:conversation_id/settings", {
      params,
      success: ConversationSettings,
      error: problems(403, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "The conversation's settings" })),
    HttpApiEndpoint.patch("update", "/conversations/:conversation_id/settings", {
      params,
      headers: { "if-match": Schema.optionalKey(ConversationTag) },
      payload: UpdateSettings,
      success: ConversationSettings,
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Change the conversation's settings",
        description:
          "What is left out stays as it is. In a group by its owner and admins, in a direct conversation by both. Everybody is told (`conversation_updated`)."
      })
    ),
    HttpApiEndpoint.get("mine", "/conversations/:conversation_id/settings/me", {
      params,
      success: MemberSettings,
      error: problems(403, 503)
    }).annotateMerge(OpenApi.annotations({ summary: "My own settings in the conversation" })),
    HttpApiEndpoint.patch("updateMine", "/conversations/:conversation_id/settings/me", {
      params,
      payload: UpdateMemberSettings,
      success: MemberSettings,
      error: problems(403, 409, 503)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Mute, pin or archive the conversation for oneself",
        description:
          "What is left out stays as it is. `muted_until` ends the muting by itself; `muted` without it is until further notice. One's other devices are told (`conversation_updated`, with `my_settings`)."
      })
    ),
    HttpApiEndpoint.post("archive", "/conversations/:conversation_id/archive", shorthand).annotateMerge(
      OpenApi.annotations({ summary: "Archive the conversation for oneself" })
    ),
    HttpApiEndpoint.delete("unarchive", "/conversations/:conversation_id/archive", shorthand).annotateMerge(
      OpenApi.annotations({ summary: "Take the conversation out of one's archive" })
    ),
    HttpApiEndpoint.post("pin", "/conversations/:conversation_id/pin", shorthand).annotateMerge(
      OpenApi.annotations({ summary: "Pin the conversation to the top of one's list" })
    ),
    HttpApiEndpoint.delete("unpin", "/conversations/:conversation_id/pin", shorthand).annotateMerge(
      OpenApi.annotations({ summary: "Unpin the conversation" })
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Settings" })) {}
