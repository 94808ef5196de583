import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ChannelPresence } from "../../../src/actors/presence/ChannelPresence.ts"
import type { PresenceTracker } from "../../../src/actors/presence/PresenceTracker.ts"
import type { ChannelHost } from "../../../src/actors/session/Channel.ts"
import { encoded } from "../../../src/actors/topic/SharedFrame.ts"
import type { Identity } from "../../../src/domain/Identity.ts"
import type { DeviceId, SessionId, UserId } from "../../../src/domain/Ids.ts"
import type { Status } from "../../../src/domain/Presence.ts"
import { v2 } from "../../../src/domain/protocol/V2.ts"

const identity = { userId: "alice" as UserId, deviceId: "phone" as DeviceId } as Identity

/** A socket that takes ephemeral frames or not, and a tracker that logs. */
const make = () => {
  const sent: Array<string> = []
  const tracked: Array<string> = []
  const waiting: Array<() => void> = []
  const socket = { takesEphemeral: true, status: "online" as Status, isWhole: true }
  const host: ChannelHost = {
    caller: { identity, sessionId: "session" as SessionId },
    serializer: v2,
    send: (frame, ephemeral) => {
      if (ephemeral && !socket.takesEphemeral) return false
      sent.push(frame.text)
      return true
    },
    room: Effect.void,
    status: () => socket.status,
    address: "192.0.2.1",
    setStatus: () => {},
    goOnAs: () => {},
    crash: () => {},
    fork: () => {},
    expect: (done) => done
  }
  const tracker: Pick<PresenceTracker["Service"], "track" | "stateJson" | "whenWhole"> = {
    stateJson: (topic) => `{"on":"${topic}"}`,
    track: (topic, userId, deviceId, status) => {
      tracked.push(`track ${topic} ${userId} ${deviceId} ${status}`)
      return {
        update: (status) => void tracked.push(`update ${status}`),
        untrack: () => void tracked.push("untrack")
      }
    },
    whenWhole: (_, then) => (socket.isWhole ? then() : void waiting.push(then))
  }
  return { sent, tracked, socket, waiting, presence: new ChannelPresence(host, tracker, "t", "3") }
}

const STATE = '["3",null,"t","presence_state",{"on":"t"}]'
const diff = encoded("diff")

describe("ChannelPresence", () => {
  it("shows the device and sends the state when it opens", () => {
    const { presence, sent, socket, tracked } = make()
    socket.status = "away"
    presence.open()
    assert.deepStrictEqual(tracked, ["track t alice phone away"])
    assert.deepStrictEqual(sent, [STATE])
  })

  it("sends the first state also to a socket under pressure: without it a client shows no diff", () => {
    const { presence, sent, socket } = make()
    socket.takesEphemeral = false
    presence.open()
    assert.deepStrictEqual(sent, [STATE])
  })

  it("hands diffs on, and repairs nothing while none was lost", () => {
    const { presence, sent } = make()
    presence.open()
    presence.diff(diff)
    presence.caughtUp()
    assert.deepStrictEqual(sent, [STATE, "diff"])
  })

  it("waits with the state until the topic is whole, and tells of no change before it", () => {
    const { presence, sent, socket, waiting } = make()
    socket.isWhole = false
    presence.open()
    presence.diff(diff)
    presence.caughtUp()
    assert.deepStrictEqual(sent, [])
    for (const then of waiting) then()
    presence.diff(diff)
    assert.deepStrictEqual(sent, [STATE, "diff"])
  })

  it("sends nothing once it is closed, whatever becomes whole then", () => {
    const { presence, sent, socket, waiting } = make()
    socket.isWhole = false
    presence.open()
    presence.close()
    for (const then of waiting) then()
    assert.deepStrictEqual(sent, [])
  })

  it("sends a fresh state once a socket that lost a diff has caught up", () => {
    const { presence, sent, socket } = make()
    presence.open()
    sent.length = 0
    socket.takesEphemeral = false
    presence.diff(diff)
    presence.diff(diff)
    presence.caughtUp()
    assert.deepStrictEqual(sent, [], "it has fallen behind again")
    socket.takesEphemeral = true
    presence.caughtUp()
    presence.caughtUp()
    assert.deepStrictEqual(sent, [STATE])
  })

  it("follows the device's status, and goes once", () => {
    const { presence, socket, tracked } = make()
    presence.statusChanged()
    presence.open()
    socket.status = "away"
    presence.statusChanged()
    presence.close()
    presence.close()
    assert.deepStrictEqual(tracked.slice(1), ["update away", "untrack"])
  })
})
