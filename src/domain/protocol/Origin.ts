/**
 * Which pages may open a socket here (Phoenix's `check_origin`). Browsers always send `Origin`; a request without
 * it is no browser's and passes. Entries are `https://host`, `//host:888` or `//*.host`: scheme and port are
 * compared only when given, and `*.host` matches `host` itself too. `:conn` stands for pages of the host and port that
 * the request was sent to, `*` for all pages.
 */

const SAME_HOST = ":conn"
const EVERYWHERE = "*"

const defaultPort = (scheme: string): string => (scheme === "https:" || scheme === "wss:" ? "443" : "80")

const entryPattern = /^([a-z][a-z0-9+.-]*:)?\/\/([^/:]+|\[[^\]]+\])(?::(\d+))?\/?$/i

/** Whether the text is an entry at all. */
export const isEntry = (text: string): boolean =>
  text === SAME_HOST || text === EVERYWHERE || entryPattern.test(text)

const matches = (entry: string, origin: URL): boolean => {
  const parts = entryPattern.exec(entry)
  if (parts === null) return false
  const [, scheme, host = "", port] = parts
  if (scheme !== undefined && scheme.toLowerCase() !== origin.protocol) return false
  if (port !== undefined && port !== (origin.port || defaultPort(origin.protocol))) return false
  const wanted = host.toLowerCase()
  if (!wanted.startsWith("*.")) return origin.hostname === wanted
  return origin.hostname === wanted.slice(2) || origin.hostname.endsWith(wanted.slice(1))
}

/** A `Host` header may name the default port that an origin leaves out. */
const isSameHost = (origin: URL, host: string | undefined): boolean => {
  const own = `${origin.protocol}//${host}`
  return host !== undefined && URL.canParse(own) && new URL(own).host === origin.host
}

/** `host` is the request's own `Host` header. `allowed` empty means: its pages alone. */
export const isAllowed = (
  origin: string | undefined,
  host: string | undefined,
  allowed: ReadonlyArray<string>
): boolean => {
  if (origin === undefined || allowed.includes(EVERYWHERE)) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (allowed.length === 0) return isSameHost(url, host)
  return allowed.some((entry) => (entry === SAME_HOST ? isSameHost(url, host) : matches(entry, url)))
}
