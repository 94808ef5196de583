/**
 * The demo page for tests: one server, one Chromium, and panes that are used as a person uses them. Everything is found by
 * what a person (or a screen reader) would find it by, so this also guards the page's labels.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core"
import * as AppProcess from "../support/AppProcess.ts"
import { requireTool } from "../support/Tools.ts"

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** Of the content policy of the server here. */
export const BLOCKED_WORD = "fiddlesticks"

/** Small, so that a message can be too large without being long to type. */
export const MAX_MESSAGE_BYTES = 1000

/** One browser and one server for all tests here; each test has a browser context and people of its own. */
export class Demo extends Context.Service<
  Demo,
  {
    readonly app: AppProcess.RunningApp
    readonly context: Effect.Effect<BrowserContext, never, Scope.Scope>
  }
>()("test/integration/DemoPane") {
  static readonly layer = Layer.effect(
    Demo,
    Effect.gen(function* () {
      const app = yield* AppProcess.start({
        env: {
          RATE_LIMITS: "off",
          MAX_MESSAGE_BYTES: String(MAX_MESSAGE_BYTES),
          BLOCKED_WORDS: BLOCKED_WORD
        }
      })
      const browser = yield* Effect.acquireRelease(
        Effect.promise(() => chromium.launch({ executablePath: requireTool("chromium"), args: flags })),
        (browser) => Effect.promise(() => browser.close())
      )
      const context = Effect.acquireRelease(
        Effect.promise(() => browser.newContext({ viewport: { width: 1360, height: 800 } })),
        (context) => Effect.promise(() => context.close())
      )
      return Demo.of({ app, context })
    })
  )
}

/** One pane of the page and what a person does in it. */
export class Pane {
  readonly page: Page
  readonly root: Locator

  constructor(page: Page, name: string) {
    this.page = page
    this.root = page.getByRole("region", { name, exact: true })
  }

  button(name: string | RegExp) {
    return this.root.getByRole("button", { name, exact: typeof name === "string" })
  }

  get writer() {
    return this.root.getByRole("textbox", { name: /^Message / })
  }

  message(text: string) {
    return this.root.getByRole("log").getByRole("listitem").filter({ hasText: text })
  }

  async say(text: string) {
    await this.writer.fill(text)
    await this.writer.press("Enter")
  }

  /** Uses the bar of actions that shows when one points at a message. */
  async does(text: string, action: string) {
    const message = this.message(text).last()
    await message.locator(".text").hover()
    await message.getByRole("button", { name: action, exact: true }).click()
    // The words to edit come with the next frame, and would replace what is written before.
    if (action === "Edit") await this.root.getByText("Editing your message", { exact: true }).waitFor()
  }

  /** Waits until the mark beside one's own message says this. */
  async marked(text: string, words: string) {
    await this.message(text).getByRole("img", { name: words, exact: true }).waitFor()
  }

  /** Waits until the head of the open conversation says this. */
  async shows(words: string | RegExp) {
    await this.root.locator(".subtitle").filter({ hasText: words }).waitFor()
  }

  /** What a person reads from top to bottom, without times and marks. */
  readonly texts = () => this.root.getByRole("log").locator(".text").allInnerTexts()

  /** Seats a new person of that name in this pane. */
  async seat(current: string, name: string) {
    await this.button(current).click()
    await this.root.getByRole("textbox", { name: "Name of a new person" }).fill(name)
    await this.button("Add").click()
    return new Pane(this.page, name)
  }

  /** Begins a conversation with the people of these names. */
  async converse(...names: ReadonlyArray<string>) {
    await this.button("New conversation").click()
    for (const name of names) await this.root.getByRole("checkbox", { name }).check()
    await this.button(/^Start/).click()
    await this.writer.waitFor()
  }
}

export const act = <A>(run: () => Promise<A>) => Effect.promise(run)

/** Opens a page; whatever it complains about fails the test that looks at `complaints`. */
export const open = Effect.fnUntraced(function* (context: BrowserContext, url: string) {
  const page = yield* act(() => context.newPage())
  const complaints: Array<string> = []
  page.setDefaultTimeout(20_000)
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text())
  })
  yield* act(() => page.goto(url))
  return { page, complaints }
})

let strangers = 0

/** The page with two new people in it, so that tests share a server and no conversation. */
export const twoPeople = Effect.fnUntraced(function* (url: string) {
  const demo = yield* Demo
  const context = yield* demo.context
  const { page, complaints } = yield* open(context, url)
  const number = ++strangers
  const ada = yield* act(() => new Pane(page, "Alice").seat("Alice", `Ada ${number}`))
  const ben = yield* act(() => new Pane(page, "Bob").seat("Bob", `Ben ${number}`))
  yield* act(() => ada.root.getByText("Live", { exact: true }).waitFor())
  yield* act(() => ben.root.getByText("Live", { exact: true }).waitFor())
  return { context, page, complaints, ada, ben, adaName: `Ada ${number}`, benName: `Ben ${number}` }
})
