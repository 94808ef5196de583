/**
 * The demo page, beyond plain messages: what people do around a message and with a conversation, in two panes and on
 * a second device.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Poll from "../support/Poll.ts"
import { tools } from "../support/Tools.ts"
import { act, BLOCKED_WORD, Demo, Pane, twoPeople } from "./DemoPane.ts"

/** Two people who have a conversation open. */
const pair = Effect.gen(function* () {
  const { app } = yield* Demo
  const people = yield* twoPeople(app.url)
  yield* act(() => people.ada.converse(people.benName))
  yield* act(() => people.ben.writer.waitFor())
  yield* act(() => people.ada.shows("Online"))
  return people
})

/** Two people and Carol in a group that the first of them owns. */
const group = Effect.gen(function* () {
  const { app } = yield* Demo
  const people = yield* twoPeople(app.url)
  yield* act(() => people.ada.converse(people.benName, "Carol"))
  yield* act(() => people.ben.writer.waitFor())
  yield* act(() => people.ada.shows("3 members, 2 online"))
  return people
})

/** Sends messages in the one conversation of this person over REST: faster than anybody types, or with what nobody types. */
const post = Effect.fnUntraced(function* (pane: Pane, messages: ReadonlyArray<object>) {
  const { app } = yield* Demo
  const tab = pane.root.getByRole("link", { name: "Open in a tab of its own" })
  const query = new URL((yield* act(() => tab.getAttribute("href"))) ?? "", app.url).searchParams
  const { token } = yield* app.token({ user_id: query.get("pane") ?? "", device_id: "typist" })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const conversations = `${app.url}/api/v1/conversations`
  const response = yield* act(() => fetch(conversations, { headers }))
  const list = (yield* act(() => response.json())) as {
    readonly items: ReadonlyArray<{ readonly id: string }>
  }
  for (const [number, message] of messages.entries()) {
    const body = JSON.stringify({ client_random: number, ...message })
    const url = `${conversations}/${list.items[0]?.id}/messages`
    const { status } = yield* act(() => fetch(url, { method: "POST", headers, body }))
    assert.strictEqual(status, 201)
  }
})

/** Waits until this stands where one writes. */
const reads = (pane: Pane, words: string) =>
  Poll.until(
    act(async () => (await pane.writer.inputValue()) === words),
    { deadline: 20_000, what: `a draft "${words}"` }
  )

/** The other conversations of a person stay out of the way. */
const entryOf = (pane: Pane, name: string) => pane.root.getByRole("navigation").getByRole("button", { name })

const gone = { state: "hidden" } as const

describe.skipIf(tools.chromium === undefined)("the demo page", () => {
  layer(Demo.layer, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("leads from a reply, a pin and a search to a message that is far back", () =>
      Effect.gen(function* () {
        const { ada, ben, complaints } = yield* pair
        yield* act(() => ada.say("The key is under the mat"))
        yield* act(() => ben.does("The key is under the mat", "Pin"))
        yield* act(() => ben.does("The key is under the mat", "Reply"))
        yield* act(() => ben.say("Found it"))
        yield* act(() => ada.message("Found it").waitFor())
        yield* post(
          ada,
          Array.from({ length: 60 }, (_, index) => ({ content: `filler ${index + 1}` }))
        )
        yield* act(() => ada.message("filler 60").waitFor())
        // Begun anew, a client has the newest page alone: both ways lead through the history.
        yield* act(() => ada.page.reload())
        yield* act(() => ada.message("filler 60").waitFor())
        assert.strictEqual(yield* act(() => ada.message("under the mat").count()), 0)
        const strip = ada.button(/^Pinned.*The key is under the mat/)
        yield* act(() => strip.click())
        const key = ada.message("The key is under the mat").first()
        yield* act(() => key.and(ada.page.locator(":focus")).waitFor())
        yield* act(() => ada.button("Search").click())
        yield* act(() => ada.root.getByRole("searchbox").fill("found"))
        yield* act(() => ada.root.getByText("1 found", { exact: true }).waitFor())
        yield* act(() => ada.root.getByRole("button", { name: /Found it/ }).click())
        const reply = ada.message("Found it").last()
        yield* act(() => reply.and(ada.page.locator(":focus")).waitFor())
        yield* act(() => reply.getByRole("button", { name: /under the mat/ }).click())
        yield* act(() => key.and(ada.page.locator(":focus")).waitFor())
        yield* act(() => key.locator(".text").hover())
        yield* act(() => key.getByRole("button", { name: "Unpin", exact: true }).click())
        yield* act(() => strip.waitFor(gone))
        yield* act(() => ben.button(/^Pinned/).waitFor(gone))
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("says when a search finds nothing, and counts the edits of a message", () =>
      Effect.gen(function* () {
        const { ada, ben, complaints } = yield* pair
        yield* act(() => ada.say("one"))
        for (const words of ["two", "three"]) {
          yield* act(() => ada.does(words === "two" ? "one" : "two", "Edit"))
          yield* act(() => ada.say(words))
          yield* act(() => ben.message(words).waitFor())
        }
        yield* act(() => ben.message("three").getByText("edited 2×", { exact: true }).waitFor())
        yield* act(() => ben.button("Search").click())
        yield* act(() => ben.root.getByRole("searchbox").fill("elephants"))
        yield* act(() => ben.root.getByText("Nothing found", { exact: true }).waitFor())
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("shows what is attached to a message by its name and kind", () =>
      Effect.gen(function* () {
        const { ada, ben, complaints } = yield* pair
        const attachments = [
          { media_id: crypto.randomUUID(), media_type: "document", metadata: { name: "<b>menu</b>.pdf" } },
          { media_id: crypto.randomUUID(), media_type: "video" }
        ]
        yield* post(ada, [{ content: "For tonight", message_type: "media", attachments }])
        const message = ben.message("For tonight")
        yield* act(() => message.waitFor())
        assert.deepStrictEqual(yield* act(() => message.locator(".attachment-name").allInnerTexts()), [
          "<b>menu</b>.pdf",
          "Video"
        ])
        yield* act(() => message.getByText("Document", { exact: true }).waitFor())
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("lets a message disappear on both sides when its time has come", () =>
      Effect.gen(function* () {
        const { ada, ben, complaints } = yield* pair
        yield* act(() => ada.say("This stays"))
        yield* act(() => ada.root.getByLabel("Messages disappear after").selectOption("5 seconds"))
        // Looked for before it is sent: it is not there for long.
        const mark = ben.message("This does not").getByRole("img", { name: /^Disappears/ })
        yield* act(() => Promise.all([mark.waitFor(), ada.say("This does not")]))
        yield* act(() => ben.message("This does not").waitFor({ state: "detached" }))
        yield* act(() => ada.message("This does not").waitFor({ state: "detached" }))
        assert.deepStrictEqual(yield* act(ada.texts), ["This stays"])
        assert.deepStrictEqual(yield* act(ben.texts), ["This stays"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("names members after an @, and tells who is mentioned while they look elsewhere", () =>
      Effect.gen(function* () {
        const { ada, ben, benName, complaints } = yield* group
        yield* act(() => ada.say("hello"))
        yield* act(() => ben.message("hello").waitFor())
        yield* act(() => ben.converse("Dan"))
        yield* act(() => ben.shows("Offline"))
        yield* act(() => ada.writer.pressSequentially("Ask @be"))
        yield* act(() => ada.root.getByRole("option", { name: benName }).waitFor())
        yield* act(() => ada.writer.press("Enter"))
        yield* act(() => ada.writer.pressSequentially("please"))
        yield* act(() => ada.writer.press("Enter"))
        yield* act(() => ada.message(`Ask @${benName} please`).locator(".mention").waitFor())
        const entry = entryOf(ben, "Carol")
        yield* act(() => entry.getByLabel("1 unread mentions").waitFor())
        yield* act(() => entry.click())
        yield* act(() => ben.message("Ask").locator(".mention").waitFor())
        yield* act(() => entry.getByLabel("1 unread mentions").waitFor(gone))
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("keeps a draft over a reload, on another device too, and drops it when it is sent", () =>
      Effect.gen(function* () {
        const { context, page, ada, ben, adaName, complaints } = yield* pair
        const saved = page.waitForResponse((response) => response.url().endsWith("/draft") && response.ok())
        yield* act(() => ada.writer.fill("Dear Ben,"))
        yield* act(() => saved)
        yield* act(() => page.reload())
        yield* reads(ada, "Dear Ben,")
        const [tab] = yield* act(() =>
          Promise.all([
            context.waitForEvent("page"),
            ada.root.getByRole("link", { name: "Open in a tab of its own" }).click()
          ])
        )
        const elsewhere = new Pane(tab, adaName)
        yield* reads(elsewhere, "Dear Ben,")
        yield* act(() => elsewhere.writer.fill("Dear Ben, hello"))
        yield* reads(ada, "Dear Ben, hello")
        yield* act(() => elsewhere.writer.press("Enter"))
        yield* act(() => ben.message("Dear Ben, hello").waitFor())
        yield* reads(ada, "")
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("shows the members of a group, lets its owner add, promote and remove, and members leave", () =>
      Effect.gen(function* () {
        const { ada, ben, benName, adaName, complaints } = yield* group
        yield* act(() => ada.button("Details").click())
        const details = ada.root.getByRole("dialog", { name: "Details" })
        yield* act(() => details.getByLabel("Somebody to add").selectOption("Dan"))
        yield* act(() => details.getByRole("button", { name: "Add to the group" }).click())
        yield* act(() => details.getByText("4 members", { exact: true }).waitFor())
        yield* act(() => ben.shows("4 members"))
        yield* act(() => ben.button("Details").click())
        const seen = ben.root.getByRole("dialog", { name: "Details" })
        const row = seen.getByRole("listitem").filter({ hasText: benName })
        yield* act(() => row.getByText("Member", { exact: true }).first().waitFor())
        assert.strictEqual(yield* act(() => seen.getByLabel("Somebody to add").isVisible()), false)
        yield* act(() => details.getByLabel(`Role of ${benName}`).selectOption("Admin"))
        yield* act(() => row.getByText("Admin", { exact: true }).first().waitFor())
        yield* act(() => seen.getByRole("button", { name: "Remove Dan" }).click())
        yield* act(() => details.getByText("3 members", { exact: true }).waitFor())
        yield* act(() => details.getByRole("button", { name: "Remove Carol" }).click())
        yield* act(() => details.getByText("2 members", { exact: true }).waitFor())
        yield* act(() => seen.getByText("2 members", { exact: true }).waitFor())
        yield* act(() => details.getByRole("button", { name: "Leave the group" }).click())
        yield* act(() => details.waitFor(gone))
        yield* act(() => ada.root.getByText("Hello, ").waitFor())
        // Who is left, the admin, owns it now.
        yield* act(() => row.getByText("Owner", { exact: true }).first().waitFor())
        assert.strictEqual(yield* act(() => seen.getByText(adaName).isVisible()), false)
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("closes a conversation for who is removed from it", () =>
      Effect.gen(function* () {
        const { ada, ben, benName, complaints } = yield* group
        yield* act(() => ada.button("Details").click())
        yield* act(() => ada.root.getByRole("button", { name: `Remove ${benName}` }).click())
        yield* act(() => ben.root.getByText(`Hello, ${benName}`).waitFor())
        yield* act(() => ben.root.getByText("No conversations yet").waitFor())
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("mutes, pins and archives a conversation for oneself, on all of one's devices", () =>
      Effect.gen(function* () {
        const { context, ada, ben, adaName, benName, complaints } = yield* pair
        const [tab] = yield* act(() =>
          Promise.all([
            context.waitForEvent("page"),
            ada.root.getByRole("link", { name: "Open in a tab of its own" }).click()
          ])
        )
        const elsewhere = tab.getByRole("region", { name: adaName, exact: true })
        yield* act(() => ada.button("Details").click())
        for (const name of ["Mute", "Pin"]) {
          yield* act(() => ada.button(name).click())
          yield* act(() => ada.root.locator(`[aria-pressed=true]`, { hasText: name }).waitFor())
        }
        const entry = entryOf(ada, benName)
        for (const sign of ["Muted", "Pinned"]) {
          yield* act(() => entry.getByLabel(sign, { exact: true }).waitFor())
          yield* act(() => elsewhere.getByLabel(sign, { exact: true }).waitFor())
        }
        yield* act(() => ada.button("Archive").click())
        yield* act(() => ada.button("Archive (1)").waitFor())
        yield* act(() => elsewhere.getByRole("button", { name: "Archive (1)" }).waitFor())
        yield* act(() => ada.button("Close").click())
        yield* act(() => entry.waitFor(gone))
        yield* act(() => ada.button("Archive (1)").click())
        yield* act(() => entry.waitFor())
        assert.strictEqual(yield* act(() => entryOf(ben, adaName).getByLabel("Muted").isVisible()), false)
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect(
      "shows who is there wherever they look, and of one's own message who has it and who has read it",
      () =>
        Effect.gen(function* () {
          const { ada, adaName, ben, benName, complaints } = yield* pair
          yield* act(() => ben.converse("Carol"))
          yield* act(() => ada.say("Seen this?"))
          yield* act(() => ada.shows("Online"))
          yield* act(() => entryOf(ada, benName).locator('[data-presence="online"]').waitFor())
          yield* act(() => ada.does("Seen this?", "Info"))
          const info = ada.root.getByRole("dialog", { name: "Message info" })
          const has = (words: string) => info.getByRole("list", { name: words }).getByText(benName).waitFor()
          yield* act(() => has("Delivered to"))
          yield* act(() => entryOf(ben, adaName).click())
          yield* act(() => ben.root.hover())
          yield* act(() => has("Read by"))
          yield* act(() => info.getByRole("button", { name: "Close" }).click())
          yield* act(() => ben.button("Drop connection").click())
          yield* act(() => ada.shows(/^Last seen \d/))
          yield* act(() => entryOf(ada, benName).locator('[data-presence="offline"]').waitFor())
          // Who does not tell it is not told it.
          yield* act(() => ada.button(adaName).click())
          yield* act(() => ada.button("Last seen").and(ada.root.locator('[aria-pressed="true"]')).click())
          yield* act(() => ada.button("Last seen").and(ada.root.locator('[aria-pressed="false"]')).waitFor())
          yield* act(() => ada.button("Close").click())
          yield* act(() => ada.shows("Offline"))
          yield* act(() => ben.button("Reconnect").click())
          yield* act(() => ada.shows("Online"))
          assert.deepStrictEqual(complaints, [])
        })
    )

    it.effect("tells what was missed while away, in conversations that are not open, until it is read", () =>
      Effect.gen(function* () {
        const { ada, ben, adaName, complaints } = yield* pair
        yield* act(() => ben.converse("Carol"))
        yield* act(() => ben.button("Drop connection").click())
        yield* act(() => ada.shows(/^Last seen /))
        yield* act(() => ada.say("first"))
        yield* act(() => ada.say("second"))
        yield* act(() => ada.marked("second", "Sent"))
        yield* act(() => ben.button("Reconnect").click())
        const missed = ben.root.getByText("While you were away: 2 messages", { exact: true })
        yield* act(() => missed.waitFor())
        // The device has them now, though nobody has looked.
        yield* act(() => ada.marked("second", "Delivered"))
        yield* act(() => entryOf(ben, adaName).click())
        yield* act(() => missed.waitFor(gone))
        assert.deepStrictEqual(yield* act(ben.texts), ["first", "second"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("says how long slow mode makes one wait, and sends what was written when it is over", () =>
      Effect.gen(function* () {
        const { page, ada, ben, complaints } = yield* group
        yield* act(() => ada.button("Details").click())
        const set = page.waitForResponse((response) => response.url().endsWith("/settings") && response.ok())
        yield* act(() => ada.root.getByLabel("Slow mode").selectOption("One message in 5 seconds"))
        yield* act(() => set)
        yield* act(() => ada.button("Close").click())
        // Looked for before the second is sent, at once after the first: it is not there for long.
        const wait = ben.root.getByText(/^Slow mode: you can send again in \d s\.$/)
        yield* act(async () => {
          await ben.say("one")
          await Promise.all([wait.waitFor(), ben.say("two")])
        })
        yield* act(() => ada.message("two").waitFor())
        yield* act(() => ben.root.getByText(/^Slow mode/).waitFor(gone))
        assert.deepStrictEqual(yield* act(ada.texts), ["one", "two"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("says that the content policy refused a message", () =>
      Effect.gen(function* () {
        const { ada, complaints } = yield* pair
        yield* act(() => ada.say(`Oh ${BLOCKED_WORD}`))
        yield* act(() =>
          ada
            .message(BLOCKED_WORD)
            .getByText("This message has a word in it that is not allowed here.")
            .waitFor()
        )
        yield* act(() => ada.marked(BLOCKED_WORD, "Not sent"))
        assert.deepStrictEqual(complaints, [])
      })
    )
  })
})
