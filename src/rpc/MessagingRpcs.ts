/** Everything that can be asked by typed RPC: schemas alone, for the service and for its clients. */
import { ConversationRpcs } from "./ConversationRpcs.ts"
import { EventRpcs } from "./EventRpcs.ts"
import { MeRpcs } from "./MeRpcs.ts"
import { MessageRpcs } from "./MessageRpcs.ts"

/** Where it is asked, over WebSocket and over HTTP. */
export const PATH = "/rpc"

export class MessagingRpcs extends ConversationRpcs.merge(MessageRpcs, MeRpcs, EventRpcs) {}
