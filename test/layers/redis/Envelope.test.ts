import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { SessionId } from "../../../src/domain/Ids.ts"
import * as Envelope from "../../../src/layers/redis/Envelope.ts"

const publications = fc.record({
  topic: fc.constant("conversation:1"),
  event: fc.constantFrom("new_message", "typing_indicator"),
  payload: fc.string({ unit: "grapheme" }),
  seq: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  except: fc.oneof(
    fc.constant(null),
    fc.uuid().map((id) => id as SessionId)
  )
})

describe("Envelope", () => {
  it("gives back what was put in, whatever the payload", () => {
    fc.assert(
      fc.property(publications, fc.uuid(), (publication, node) => {
        const text = Envelope.encode(node, publication)
        assert.deepStrictEqual(Envelope.decode(publication.topic, text), { node, publication })
      })
    )
  })

  it("knows what is none of ours", () => {
    for (const text of [
      "",
      "hello",
      " 1 - e {}",
      "node 1 -",
      "node 1 - e",
      "node x - e {}",
      "node 0 - e {}"
    ]) {
      assert.isUndefined(Envelope.decode("t", text), text)
    }
  })
})
