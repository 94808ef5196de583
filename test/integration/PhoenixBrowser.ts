/**
 * The little of a browser that the official clients' long-poll needs and Node lacks: `self`, and XMLHttpRequest, here
 * over `fetch`. Import it before the clients: they look for `self` when they are loaded.
 */

const DONE = 4

class FetchedRequest {
  readyState = 0
  responseText = ""
  timeout = 0
  onerror: (() => void) | undefined
  ontimeout: (() => void) | undefined
  onreadystatechange: (() => void) | undefined
  readonly #headers = new Headers()
  readonly #abort = new AbortController()
  #method = ""
  #url = ""

  open(method: string, url: string): void {
    this.#method = method
    this.#url = url
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers.set(name, value)
  }

  send(body: string | null): void {
    const timer = setTimeout(() => {
      this.#abort.abort()
      this.ontimeout?.()
    }, this.timeout)
    fetch(this.#url, { method: this.#method, headers: this.#headers, body, signal: this.#abort.signal })
      .then((response) => response.text())
      .then(
        (text) => {
          this.responseText = text
          this.readyState = DONE
          this.onreadystatechange?.()
        },
        () => {
          if (!this.#abort.signal.aborted) this.onerror?.()
        }
      )
      .finally(() => clearTimeout(timer))
  }

  abort(): void {
    this.#abort.abort()
  }
}

Object.assign(globalThis, { self: globalThis, XMLHttpRequest: FetchedRequest })
