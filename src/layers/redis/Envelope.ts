/**
 * A publication as it travels through Redis: `node seq except event payload`, with `-` for what is absent. The
 * payload is the rest of the text and is neither parsed nor copied; nothing before it can hold a space.
 */
import type { SessionId } from "../../domain/Ids.ts"
import type { Publication } from "../../domain/ports/Broker.ts"

export interface Received {
  /** The node that published it. */
  readonly node: string
  readonly publication: Publication
}

export const encode = (node: string, { event, except, payload, seq }: Publication): string =>
  `${node} ${seq ?? "-"} ${except ?? "-"} ${event} ${payload}`

/** `undefined` for a text that is none of ours. */
export const decode = (topic: string, text: string): Received | undefined => {
  const afterNode = text.indexOf(" ")
  const afterSeq = text.indexOf(" ", afterNode + 1)
  const afterExcept = text.indexOf(" ", afterSeq + 1)
  const afterEvent = text.indexOf(" ", afterExcept + 1)
  if (afterNode < 1 || afterSeq < 0 || afterExcept < 0 || afterEvent < 0) return undefined
  const seq = text.slice(afterNode + 1, afterSeq)
  if (!/^(-|[1-9]\d{0,15})$/.test(seq)) return undefined
  const except = text.slice(afterSeq + 1, afterExcept)
  return {
    node: text.slice(0, afterNode),
    publication: {
      topic,
      event: text.slice(afterExcept + 1, afterEvent),
      payload: text.slice(afterEvent + 1),
      seq: seq === "-" ? null : Number(seq),
      except: except === "-" ? null : (except as SessionId)
    }
  }
}
