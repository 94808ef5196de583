import { assert, describe, it } from "@effect/vitest"
import { isAllowed, isEntry } from "../../../src/domain/protocol/Origin.ts"

describe("Origin", () => {
  it("lets requests without an origin pass: no browser sent them", () => {
    assert.isTrue(isAllowed(undefined, "chat.example.com", ["https://other.example.com"]))
  })

  it.each([
    ["http://localhost:4000", "localhost:4000", true],
    ["http://localhost:4001", "localhost:4000", false],
    ["https://chat.example.com", "chat.example.com", true],
    ["https://chat.example.com", "CHAT.example.com:443", true],
    ["http://chat.example.com", "chat.example.com:443", false],
    ["https://evil.example.com", "chat.example.com", false],
    ["https://chat.example.com", undefined, false],
    ["https://chat.example.com", "not a host", false],
    ["http://[::1]:4000", "[::1]:4000", true],
    ["null", "localhost:4000", false],
    ["", "localhost:4000", false]
  ])("with an empty list, %s at host %s: %s", (origin, host, allowed) => {
    assert.strictEqual(isAllowed(origin, host, []), allowed)
  })

  it.each([
    ["https://example.com", "https://example.com", true],
    ["https://example.com", "http://example.com", false],
    ["https://example.com", "https://example.com:8443", true],
    ["//example.com", "http://example.com:81", true],
    ["//example.com:888", "https://example.com:888", true],
    ["//example.com:888", "https://example.com", false],
    ["//example.com:443", "https://example.com", true],
    ["//*.example.com", "https://example.com", true],
    ["//*.example.com", "https://a.b.example.com", true],
    ["//*.example.com", "https://notexample.com", false],
    ["//*.example.com", "https://example.com.evil.org", false],
    ["https://EXAMPLE.com/", "https://example.com", true],
    ["capacitor://localhost", "capacitor://localhost", true],
    ["example.com", "https://example.com", false]
  ])("the entry %s lets %s in: %s", (entry, origin, allowed) => {
    assert.strictEqual(isAllowed(origin, "here", [entry]), allowed)
  })

  it("lets in what any entry lets in, and not its own host when there is a list", () => {
    const list = ["https://a.example.com", "//b.example.com"]
    assert.isTrue(isAllowed("http://b.example.com", "here", list))
    assert.isFalse(isAllowed("http://here", "here", list))
    assert.isTrue(isAllowed("http://here", "here", [...list, ":conn"]))
    assert.isFalse(isAllowed("http://there", "here", [...list, ":conn"]))
    assert.isTrue(isAllowed("https://b.example.com", "here", [":conn", ...list]))
  })

  it("lets in every page where the list says so, sandboxed ones too", () => {
    assert.isTrue(isAllowed("https://evil.example.com", "here", ["*"]))
    assert.isTrue(isAllowed("null", "here", ["//a.example.com", "*"]))
  })

  it("knows an entry from what would let nobody in", () => {
    for (const entry of [
      "https://a.example.com",
      "//a:888",
      "//*.a.b",
      "//[::1]:80",
      "app://a/",
      ":conn",
      "*"
    ]) {
      assert.isTrue(isEntry(entry), entry)
    }
    for (const text of [
      "a.example.com",
      "*.a.b",
      "https:a",
      "https://a/path",
      "//a:b",
      "https://",
      ":host",
      ""
    ]) {
      assert.isFalse(isEntry(text), text)
    }
  })
})
