import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Presence as Client } from "phoenix"
import type { DeviceId, UserId } from "../../src/domain/Ids.ts"
import { type Diff, type Meta, type Presences, Roster } from "../../src/domain/Presence.ts"

const user = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as UserId
const [alice, bob] = [user(1), user(2)]

const meta = (ref: string, prev?: string): Meta => ({
  device_id: "device" as DeviceId,
  status: "online",
  online_at: 1,
  phx_ref: ref,
  ...(prev === undefined ? {} : { phx_ref_prev: prev })
})

const stateOf = (roster: Roster): Presences => JSON.parse(roster.stateJson())
const make = (limits = { keys: 100, metas: 10 }) => new Roster(limits)
const shown = (...metas: ReadonlyArray<Meta>) => ({ metas })

describe("Roster", () => {
  it("shows users with one meta for each of their connections", () => {
    const roster = make()
    roster.add(alice, meta("a"))
    roster.add(alice, meta("b"))
    roster.add(bob, meta("c"))
    assert.deepStrictEqual(stateOf(roster), { [alice]: shown(meta("a"), meta("b")), [bob]: shown(meta("c")) })
    roster.remove(alice, "a")
    roster.remove(bob, "c")
    assert.deepStrictEqual(stateOf(roster), { [alice]: shown(meta("b")) })
    assert.isFalse(roster.isEmpty)
    roster.remove(alice, "b")
    assert.strictEqual(roster.stateJson(), "{}")
    assert.isTrue(roster.isEmpty)
  })

  it("tells of each change once, with both halves of the diff always present", () => {
    const roster = make()
    assert.isUndefined(roster.takeDiff())
    roster.add(alice, meta("a"))
    roster.add(bob, meta("b"))
    assert.deepStrictEqual(roster.takeDiff(), {
      joins: { [alice]: shown(meta("a")), [bob]: shown(meta("b")) },
      leaves: {}
    })
    assert.isUndefined(roster.takeDiff())
    roster.add(alice, meta("c"))
    roster.remove(bob, "b")
    assert.deepStrictEqual(roster.takeDiff(), {
      joins: { [alice]: shown(meta("c")) },
      leaves: { [bob]: shown(meta("b")) }
    })
  })

  it("tells of an update as a join of the new meta and a leave of the old", () => {
    const roster = make()
    roster.add(alice, meta("A"))
    roster.takeDiff()
    roster.remove(alice, "A")
    roster.add(alice, meta("B", "A"))
    assert.deepStrictEqual(roster.takeDiff(), {
      joins: { [alice]: shown(meta("B", "A")) },
      leaves: { [alice]: shown(meta("A")) }
    })
  })

  it("does not tell of a connection that came and went in between", () => {
    const roster = make()
    roster.add(alice, meta("a"))
    roster.remove(alice, "a")
    assert.isUndefined(roster.takeDiff())
  })

  it("tells of its going all the same when a state has shown it", () => {
    const roster = make()
    roster.add(alice, meta("a"))
    roster.stateJson()
    roster.remove(alice, "a")
    assert.deepStrictEqual(roster.takeDiff(), { joins: {}, leaves: { [alice]: shown(meta("a")) } })
  })

  it("ignores the going of who is not shown", () => {
    const roster = make()
    assert.isFalse(roster.remove(alice, "a"))
    roster.add(alice, meta("a"))
    roster.takeDiff()
    assert.isFalse(roster.remove(alice, "b"))
    assert.isTrue(roster.remove(alice, "a"))
    assert.isFalse(roster.remove(alice, "a"))
  })

  it("shows no more users, and no more connections of one, than its limits", () => {
    const roster = make({ keys: 1, metas: 2 })
    assert.isTrue(roster.add(alice, meta("a")))
    assert.isTrue(roster.add(alice, meta("b")))
    assert.isFalse(roster.add(alice, meta("c")))
    assert.isFalse(roster.add(bob, meta("d")))
    assert.deepStrictEqual(stateOf(roster), { [alice]: shown(meta("a"), meta("b")) })
    roster.remove(alice, "a")
    assert.isTrue(roster.add(alice, meta("e")))
    roster.remove(alice, "b")
    roster.remove(alice, "e")
    assert.isTrue(roster.add(bob, meta("f")))
  })

  it("brings every official client to the same picture, whenever it came and whatever changed", () => {
    /** What the types of the client leave out. */
    const client = Client as unknown as {
      readonly syncState: (now: Presences, state: Presences) => Presences
      readonly syncDiff: (now: Presences, diff: Diff) => Presences
    }
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), user: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant("remove" as const), at: fc.nat(5) }),
      fc.record({ kind: fc.constant("update" as const), at: fc.nat(5) }),
      fc.record({ kind: fc.constant("client" as const) }),
      fc.record({ kind: fc.constant("tell" as const) })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const roster = make({ keys: 2, metas: 2 })
        const tracked: Array<{ readonly userId: UserId; readonly ref: string }> = []
        let clients: Array<Presences> = []
        let refs = 0
        const tell = () => {
          const diff = roster.takeDiff()
          if (diff === undefined) return
          // Each client reads its own copy from the wire.
          clients = clients.map((now) => client.syncDiff(now, JSON.parse(JSON.stringify(diff))))
        }
        for (const step of steps) {
          if (step.kind === "add") {
            const ref = String(refs++)
            if (roster.add(user(step.user), meta(ref))) tracked.push({ userId: user(step.user), ref })
          } else if (step.kind === "client") {
            clients.push(client.syncState({}, stateOf(roster)))
          } else if (step.kind === "tell") {
            tell()
          } else {
            const [one] = tracked.splice(step.at, 1)
            if (one === undefined) continue
            assert.isTrue(roster.remove(one.userId, one.ref))
            if (step.kind === "remove") continue
            const ref = String(refs++)
            assert.isTrue(roster.add(one.userId, meta(ref, one.ref)))
            tracked.push({ userId: one.userId, ref })
          }
        }
        tell()
        const picture = (presences: Presences) =>
          Object.entries(presences)
            .flatMap(([key, { metas }]) => metas.map((m) => `${key} ${m.phx_ref}`))
            .sort()
        const truth = picture(stateOf(roster))
        for (const now of clients) assert.deepStrictEqual(picture(now), truth)
      }),
      { numRuns: 500 }
    )
  })
})
