// Printed from the .proto files: `node scripts/print-contracts.mjs > proto/Contracts.ts`.

export type NotificationPriority = "LOW" | "NORMAL" | "HIGH" | "URGENT"

export interface ConversationEventRequest {
  readonly conversation_id: string
  readonly event_type: string
  readonly user_id: string
  readonly metadata: Readonly<Record<string, string>>
  readonly timestamp: number
}

export interface ConversationEventResponse {
  readonly success: boolean
  readonly message: string
  readonly event_id: string
}

export interface LinkMediaRequest {
  readonly message_id: string
  readonly media_id: string
  readonly media_type: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface LinkMediaResponse {
  readonly success: boolean
  readonly message: string
  readonly link_id: string
}

export interface ConversationStatsRequest {
  readonly conversation_id: string
  readonly user_id: string
  readonly metrics: ReadonlyArray<string>
}

export interface ConversationStatsResponse {
  readonly success: boolean
  readonly stats: Readonly<Record<string, number>>
  readonly last_updated: number
}

export interface GroupCreationRequest {
  readonly group_id: string
  readonly creator_id: string
  readonly member_ids: ReadonlyArray<string>
  readonly group_name: string
  readonly settings: Readonly<Record<string, string>>
}

export interface GroupCreationResponse {
  readonly success: boolean
  readonly message: string
  readonly conversation_id: string
}

export interface MessagePermissionRequest {
  readonly sender_id: string
  readonly conversation_id: string
  readonly participant_ids: ReadonlyArray<string>
  readonly message_type: string
}

export interface MessagePermissionResponse {
  readonly permission_granted: boolean
  readonly reason: string
  readonly allowed_recipients: ReadonlyArray<string>
  readonly blocked_recipients: ReadonlyArray<string>
}

export interface ConversationAccessRequest {
  readonly user_id: string
  readonly conversation_id: string
  readonly action: string
}

export interface ConversationAccessResponse {
  readonly access_granted: boolean
  readonly reason: string
  readonly permissions: Readonly<Record<string, boolean>>
}

export interface ParticipantsRequest {
  readonly conversation_id: string
  readonly include_inactive: boolean
}

export interface ParticipantsResponse {
  readonly participants: ReadonlyArray<Participant>
  readonly total_count: number
}

export interface Participant {
  readonly user_id: string
  readonly role: string
  readonly is_active: boolean
  readonly joined_at: number
  readonly last_seen: number
}

export interface BlockCheckRequest {
  readonly user_id: string
  readonly target_user_ids: ReadonlyArray<string>
}

export interface BlockCheckResponse {
  readonly is_blocked: Readonly<Record<string, boolean>>
  readonly has_blocked: Readonly<Record<string, boolean>>
}

export interface MediaMetadata {
  readonly media_id: string
  readonly filename: string
  readonly content_type: string
  readonly file_size: number
  readonly width: number
  readonly height: number
  readonly duration_seconds: number
  readonly upload_status: string
  readonly thumbnail_urls: ReadonlyArray<string>
  readonly custom_metadata: Readonly<Record<string, string>>
  readonly created_at: number
  readonly expires_at: number
}

export interface MediaAccessRequest {
  readonly media_id: string
  readonly user_id: string
  readonly conversation_id: string
  readonly access_type: string
}

export interface MediaAccessResponse {
  readonly access_granted: boolean
  readonly reason: string
  readonly metadata: MediaMetadata | null
  readonly permissions: ReadonlyArray<string>
}

export interface MediaLinkRequest {
  readonly media_id: string
  readonly message_id: string
  readonly conversation_id: string
  readonly user_id: string
}

export interface MediaLinkResponse {
  readonly success: boolean
  readonly message: string
  readonly link_id: string
  readonly linked_at: number
}

export interface MediaMetadataRequest {
  readonly media_id: string
  readonly user_id: string
  readonly include_thumbnails: boolean
}

export interface MediaMetadataResponse {
  readonly found: boolean
  readonly metadata: MediaMetadata | null
}

export interface MediaValidationRequest {
  readonly filename: string
  readonly content_type: string
  readonly file_size: number
  readonly user_id: string
  readonly conversation_id: string
}

export interface MediaValidationResponse {
  readonly is_valid: boolean
  readonly errors: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
  readonly suggested_metadata: Readonly<Record<string, string>>
}

export interface DeliveryStatus {
  readonly user_id: string
  readonly device_id: string
  readonly delivered: boolean
  readonly error_message: string
  readonly delivered_at: number
}

export interface MessageNotificationRequest {
  readonly message_id: string
  readonly conversation_id: string
  readonly sender_id: string
  readonly recipient_ids: ReadonlyArray<string>
  readonly message_type: string
  readonly preview_text: string
  readonly metadata: Readonly<Record<string, string>>
  readonly priority: NotificationPriority
  readonly silent: boolean
}

export interface NotificationResponse {
  readonly success: boolean
  readonly message: string
  readonly notification_id: string
  readonly delivery_statuses: ReadonlyArray<DeliveryStatus>
}

export interface BulkNotificationRequest {
  readonly notifications: ReadonlyArray<MessageNotificationRequest>
  readonly fail_on_error: boolean
  readonly batch_size: number
}

export interface BulkNotificationResponse {
  readonly total_sent: number
  readonly total_failed: number
  readonly results: ReadonlyArray<NotificationResponse>
  readonly errors: ReadonlyArray<string>
}

export interface ConversationNotificationRequest {
  readonly conversation_id: string
  readonly event_type: string
  readonly actor_id: string
  readonly recipient_ids: ReadonlyArray<string>
  readonly title: string
  readonly body: string
  readonly data: Readonly<Record<string, string>>
  readonly priority: NotificationPriority
}

export interface MarkReadRequest {
  readonly user_id: string
  readonly notification_ids: ReadonlyArray<string>
  readonly conversation_id: string
  readonly read_at: number
}

export interface MarkReadResponse {
  readonly success: boolean
  readonly marked_count: number
  readonly failed_notification_ids: ReadonlyArray<string>
}

/** What each method takes and answers. */
export interface Services {
  readonly "messaging.MessagingService": {
    readonly NotifyConversationEvent: {
      readonly request: ConversationEventRequest
      readonly response: ConversationEventResponse
    }
    readonly LinkMediaToMessage: {
      readonly request: LinkMediaRequest
      readonly response: LinkMediaResponse
    }
    readonly GetConversationStats: {
      readonly request: ConversationStatsRequest
      readonly response: ConversationStatsResponse
    }
    readonly NotifyGroupCreation: {
      readonly request: GroupCreationRequest
      readonly response: GroupCreationResponse
    }
  }
  readonly "user.UserService": {
    readonly ValidateMessagePermissions: {
      readonly request: MessagePermissionRequest
      readonly response: MessagePermissionResponse
    }
    readonly ValidateConversationAccess: {
      readonly request: ConversationAccessRequest
      readonly response: ConversationAccessResponse
    }
    readonly GetConversationParticipants: {
      readonly request: ParticipantsRequest
      readonly response: ParticipantsResponse
    }
    readonly CheckUserBlocks: {
      readonly request: BlockCheckRequest
      readonly response: BlockCheckResponse
    }
  }
  readonly "media.MediaService": {
    readonly ValidateMediaAccess: {
      readonly request: MediaAccessRequest
      readonly response: MediaAccessResponse
    }
    readonly LinkMediaToMessage: {
      readonly request: MediaLinkRequest
      readonly response: MediaLinkResponse
    }
    readonly GetMediaMetadata: {
      readonly request: MediaMetadataRequest
      readonly response: MediaMetadataResponse
    }
    readonly ValidateMediaMetadata: {
      readonly request: MediaValidationRequest
      readonly response: MediaValidationResponse
    }
  }
  readonly "notification.NotificationService": {
    readonly SendMessageNotification: {
      readonly request: MessageNotificationRequest
      readonly response: NotificationResponse
    }
    readonly SendBulkNotifications: {
      readonly request: BulkNotificationRequest
      readonly response: BulkNotificationResponse
    }
    readonly SendConversationNotification: {
      readonly request: ConversationNotificationRequest
      readonly response: NotificationResponse
    }
    readonly MarkNotificationsAsRead: {
      readonly request: MarkReadRequest
      readonly response: MarkReadResponse
    }
  }
}
