/**
 * The demo page as a person meets it: the real server, a real Chromium, two people in two panes.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as AppProcess from "../support/AppProcess.ts"
import * as MadeDirectory from "../support/MadeDirectory.ts"
import * as Ports from "../support/Ports.ts"
import { tools } from "../support/Tools.ts"
import { act, Demo, MAX_MESSAGE_BYTES, open, Pane, twoPeople } from "./DemoPane.ts"

describe.skipIf(tools.chromium === undefined)("the demo page", () => {
  layer(Demo.layer, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("greets a newcomer with two people who are one click from chatting", () =>
      Effect.gen(function* () {
        const { app, context } = yield* Demo
        const { page, complaints } = yield* open(yield* context, app.url)
        const alice = new Pane(page, "Alice")
        const bob = new Pane(page, "Bob")
        yield* act(() => alice.button("Say hello to Bob").click())
        yield* act(() => alice.say("Hello Bob"))
        yield* act(() => bob.message("Hello Bob").waitFor())
        yield* act(() => bob.say("Hello Alice"))
        yield* act(() => alice.message("Hello Alice").waitFor())
        assert.deepStrictEqual(yield* act(alice.texts), ["Hello Bob", "Hello Alice"])
        assert.deepStrictEqual(yield* act(bob.texts), ["Hello Bob", "Hello Alice"])
        yield* act(() => page.reload())
        yield* act(() => bob.message("Hello Bob").waitFor())
        assert.deepStrictEqual(yield* act(bob.texts), ["Hello Bob", "Hello Alice"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect(
      "asks the service for nothing before it has a token, however soon people click, and again when that fails",
      () =>
        Effect.gen(function* () {
          const { app, context } = yield* Demo
          const visitor = yield* context
          const tokens = Promise.withResolvers<void>()
          yield* act(() =>
            visitor.route("**/dev/token", (route) => tokens.promise.then(() => route.continue()))
          )
          let isFirst = true
          yield* act(() =>
            visitor.route("**/me/preferences", (route) => {
              if (!isFirst) return route.continue()
              isFirst = false
              return route.abort()
            })
          )
          const { page, complaints } = yield* open(visitor, app.url)
          const alice = new Pane(page, "Alice")
          yield* act(() => alice.button("Alice").click())
          const lastSeen = alice.button("Last seen")
          yield* act(() => lastSeen.waitFor())
          tokens.resolve()
          yield* act(() => lastSeen.and(page.locator('[aria-pressed="true"]')).waitFor())
          assert.deepStrictEqual(
            complaints.filter((complaint) => complaint.includes("401")),
            []
          )
        })
    )

    it.effect(
      "marks a message sent while the other is away, delivered on their device, read once they look",
      () =>
        Effect.gen(function* () {
          const { app } = yield* Demo
          const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
          yield* act(() => ada.converse(benName))
          yield* act(() => ada.shows("Online"))
          yield* act(() => ada.say("Are you there?"))
          yield* act(() => ada.marked("Are you there?", "Delivered"))
          yield* act(() => ben.root.hover())
          yield* act(() => ada.marked("Are you there?", "Read"))
          yield* act(() => ben.button("Drop connection").click())
          yield* act(() => ada.shows(/^Last seen /))
          yield* act(() => ada.say("And now?"))
          yield* act(() => ada.marked("And now?", "Sent"))
          yield* act(() => ben.button("Reconnect").click())
          yield* act(() => ada.marked("And now?", "Read"))
          assert.deepStrictEqual(complaints, [])
        })
    )

    it.effect("shows who is online and who is typing, and when they no longer are", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ada.shows("Online"))
        // Looked for before it begins: it ends by itself when nothing more is typed.
        const seesTyping = (words: string) =>
          act(() => Promise.all([ada.shows(`${benName} is typing…`), ben.writer.pressSequentially(words)]))
        yield* seesTyping("hm")
        yield* act(() => ben.writer.fill(""))
        yield* act(() => ada.shows("Online"))
        yield* seesTyping("so")
        yield* act(() => ben.writer.press("Enter"))
        yield* act(() => ada.message("so").waitFor())
        yield* act(() => ada.shows("Online"))
        yield* act(() => ben.button("Drop connection").click())
        yield* act(() => ada.shows(/^Last seen /))
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect(
      "heals a dropped connection: both sides' messages arrive once, in one order, without a gap",
      () =>
        Effect.gen(function* () {
          const { app } = yield* Demo
          const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
          yield* act(() => ada.converse(benName))
          yield* act(() => ada.say("before"))
          yield* act(() => ben.message("before").waitFor())
          yield* act(() => ada.button("Drop connection").click())
          yield* act(() => ada.root.getByText("Offline", { exact: true }).waitFor())
          for (const text of ["first", "second", "third"]) yield* act(() => ben.say(text))
          yield* act(() => ben.marked("third", "Sent"))
          yield* act(() => ada.say("from the tunnel"))
          yield* act(() => ada.marked("from the tunnel", "Waiting for the connection"))
          assert.deepStrictEqual(yield* act(ada.texts), ["before", "from the tunnel"])
          yield* act(() => ada.button("Reconnect").click())
          yield* act(() => ada.root.getByText("3 messages caught up").waitFor())
          yield* act(() => ben.message("from the tunnel").waitFor())
          const whole = ["before", "first", "second", "third", "from the tunnel"]
          assert.deepStrictEqual(yield* act(ben.texts), whole)
          assert.deepStrictEqual(yield* act(ada.texts), whole)
          assert.deepStrictEqual(complaints, [])
        })
    )

    it.effect("counts what is unread in a conversation that is not open, until it is opened", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, adaName, benName, complaints } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ben.writer.waitFor())
        yield* act(() => ben.converse("Carol"))
        yield* act(() => ada.say("one"))
        yield* act(() => ada.say("two"))
        const entry = ben.root.getByRole("navigation").getByRole("button", { name: adaName })
        yield* act(() => entry.getByText("2", { exact: true }).waitFor())
        yield* act(() => entry.getByText("two", { exact: true }).waitFor())
        yield* act(() => entry.click())
        yield* act(() => ada.marked("two", "Read"))
        assert.deepStrictEqual(yield* act(ben.texts), ["one", "two"])
        yield* act(() => entry.getByText("2", { exact: true }).waitFor({ state: "hidden" }))
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("lets people react to a message, take it back, edit and delete what they wrote", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ada.say("helo Ben"))
        yield* act(() => ben.does("helo Ben", "React with 👍"))
        yield* act(() => ada.message("helo Ben").getByRole("button", { name: "👍 1" }).waitFor())
        yield* act(() => ada.message("helo Ben").getByRole("button", { name: "👍 1" }).click())
        yield* act(() => ben.message("helo Ben").getByRole("button", { name: "👍 2" }).click())
        yield* act(() => ada.message("helo Ben").getByRole("button", { name: "👍 1" }).waitFor())
        yield* act(() => ada.does("helo Ben", "Edit"))
        yield* act(() => ada.say("hello Ben"))
        yield* act(() => ben.message("hello Ben").getByText("edited", { exact: true }).waitFor())
        yield* act(() => ben.message("hello Ben").getByRole("button", { name: "👍 1" }).waitFor())
        yield* act(() => ada.say("a secret"))
        yield* act(() => ben.message("a secret").waitFor())
        yield* act(() => ada.does("a secret", "Delete for everyone"))
        yield* act(() => ben.message("a secret").waitFor({ state: "detached" }))
        yield* act(() => ben.does("hello Ben", "Delete for me"))
        yield* act(() => ben.message("hello Ben").waitFor({ state: "detached" }))
        assert.deepStrictEqual(yield* act(ben.texts), ["This message was deleted"])
        assert.deepStrictEqual(yield* act(ada.texts), ["hello Ben", "This message was deleted"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("shows what a reply answers to, and brings changes that were missed with the resume", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ada.say("Tea or coffee?"))
        yield* act(() => ben.does("Tea or coffee?", "Reply"))
        yield* act(() => ben.say("Tea, please"))
        yield* act(() => ada.message("Tea, please").getByText("Tea or coffee?").waitFor())
        yield* act(() => ada.button("Drop connection").click())
        yield* act(() => ada.root.getByText("Offline", { exact: true }).waitFor())
        yield* act(() => ben.does("Tea, please", "Edit"))
        yield* act(() => ben.say("Coffee after all"))
        yield* act(() => ben.message("Coffee after all").getByText("edited", { exact: true }).waitFor())
        yield* act(() => ada.button("Reconnect").click())
        yield* act(() => ada.message("Coffee after all").getByText("edited", { exact: true }).waitFor())
        assert.deepStrictEqual(yield* act(ada.texts), ["Tea or coffee?", "Coffee after all"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("keeps a reply to a long message within its conversation", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, benName } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ada.say("We walked along the coast for days. ".repeat(12)))
        yield* act(() => ben.does("We walked along", "Reply"))
        yield* act(() => ben.say("How far?"))
        for (const pane of [ada, ben]) {
          const bubble = pane.message("How far?").locator(".bubble")
          yield* act(() => bubble.waitFor())
          const [inner, outer] = yield* act(() =>
            Promise.all([bubble.boundingBox(), pane.root.getByRole("log").boundingBox()])
          )
          assert.isAtLeast(inner!.x, outer!.x)
          assert.isAtMost(inner!.x + inner!.width, outer!.x + outer!.width)
        }
      })
    )

    it.effect("gives a pane a tab of its own, where the same person is a second device", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { context, ada, ben, adaName, benName } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        yield* act(() => ada.say("from the left"))
        const [tab] = yield* act(() =>
          Promise.all([
            context.waitForEvent("page"),
            ada.root.getByRole("link", { name: "Open in a tab of its own" }).click()
          ])
        )
        const elsewhere = new Pane(tab, adaName)
        yield* act(() => elsewhere.message("from the left").waitFor())
        yield* act(() => elsewhere.root.getByText("2 devices").waitFor())
        yield* act(() => elsewhere.say("from the tab"))
        yield* act(() => ada.message("from the tab").waitFor())
        yield* act(() => ben.message("from the tab").waitFor())
        assert.deepStrictEqual(yield* act(ada.texts), ["from the left", "from the tab"])
        yield* act(() => tab.close())
        yield* act(() => ada.root.getByText("2 devices").waitFor({ state: "hidden" }))
      })
    )

    it.effect("sends again, under the same number, what was stored but never acknowledged", () =>
      Effect.gen(function* () {
        const { app, context } = yield* Demo
        const { page } = yield* open(yield* context, `${app.url}/?pane=Ida`)
        const ida = new Pane(page, "Ida")
        let isDeaf = false
        yield* act(() =>
          page.routeWebSocket(/socket\/websocket/, (route) => {
            const server = route.connectToServer()
            server.onMessage((frame) => {
              if (!isDeaf) route.send(frame)
            })
          })
        )
        yield* act(() => page.reload())
        yield* act(() => ida.converse("Carol"))
        const other = yield* open(page.context(), `${app.url}/?pane=carol`)
        const carol = new Pane(other.page, "Carol")
        yield* act(() => ida.shows("Online"))
        isDeaf = true
        yield* act(() => ida.say("only once"))
        yield* act(() => carol.message("only once").waitFor())
        yield* act(() => ida.marked("only once", "Sending"))
        yield* act(() => ida.button("Drop connection").click())
        yield* act(() => ida.marked("only once", "Waiting for the connection"))
        isDeaf = false
        yield* act(() => ida.button("Reconnect").click())
        yield* act(() => ida.marked("only once", "Read"))
        yield* act(() => ida.say("and then"))
        yield* act(() => carol.message("and then").waitFor())
        assert.deepStrictEqual(yield* act(carol.texts), ["only once", "and then"])
        assert.deepStrictEqual(yield* act(ida.texts), ["only once", "and then"])
      })
    )

    it.effect("says why a message was refused, and keeps it until its author gives it up", () =>
      Effect.gen(function* () {
        const { app } = yield* Demo
        const { ada, ben, benName, complaints } = yield* twoPeople(app.url)
        yield* act(() => ada.converse(benName))
        const tooLong = "x".repeat(MAX_MESSAGE_BYTES + 1)
        yield* act(() => ada.say(tooLong))
        yield* act(() => ada.message(tooLong).getByText("This message is too large.").waitFor())
        yield* act(() => ada.marked(tooLong, "Not sent"))
        yield* act(() => ada.say("in short"))
        yield* act(() => ben.message("in short").waitFor())
        yield* act(() => ada.message(tooLong).getByRole("button", { name: "Discard" }).click())
        yield* act(() => ada.message(tooLong).waitFor({ state: "detached" }))
        assert.deepStrictEqual(yield* act(ada.texts), ["in short"])
        assert.deepStrictEqual(yield* act(ben.texts), ["in short"])
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect("shows markup in names and messages as the text it is", () =>
      Effect.gen(function* () {
        const { app, context } = yield* Demo
        const name = "<img src=x onerror=alert(1)>"
        const { page, complaints } = yield* open(
          yield* context,
          `${app.url}/?pane=${encodeURIComponent(name)}`
        )
        const pane = new Pane(page, name)
        yield* act(() => pane.converse("Dan"))
        yield* act(() => pane.say("<script>alert(2)</script> & <b>bold</b>"))
        yield* act(() => pane.marked("alert(2)", "Sent"))
        assert.deepStrictEqual(yield* act(pane.texts), ["<script>alert(2)</script> & <b>bold</b>"])
        assert.strictEqual(yield* act(() => page.locator("main :is(img, b, script)").count()), 0)
        assert.deepStrictEqual(complaints, [])
      })
    )

    it.effect(
      "survives the death of the server: it reconnects by itself and sends what was waiting, once",
      () =>
        Effect.gen(function* () {
          const env = {
            RATE_LIMITS: "off",
            PORT: String(yield* Ports.free()),
            DATA_DIR: yield* MadeDirectory.make("demo")
          }
          const first = yield* AppProcess.start({ env })
          const { ada, ben, benName } = yield* twoPeople(first.url)
          yield* act(() => ada.converse(benName))
          yield* act(() => ada.say("before"))
          yield* act(() => ben.message("before").waitFor())
          yield* first.kill("SIGKILL")
          yield* act(() => ada.root.getByText("Reconnecting", { exact: true }).waitFor())
          yield* act(() => ada.say("while it was dead"))
          yield* act(() => ada.marked("while it was dead", "Waiting for the connection"))
          yield* AppProcess.start({ env })
          yield* act(() => ben.message("while it was dead").waitFor())
          assert.deepStrictEqual(yield* act(ben.texts), ["before", "while it was dead"])
          assert.deepStrictEqual(yield* act(ada.texts), ["before", "while it was dead"])
        }),
      120_000
    )
  })
})
