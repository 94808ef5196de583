/**
 * The page's few memories: people, who sat in which pane, which conversation was open. A browser that refuses
 * storage, or holds something unreadable, costs the memory and nothing else.
 */

const PREFIX = "messaging-demo:"

const read = (area, key) => {
  try {
    const text = area().getItem(PREFIX + key)
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

const write = (area, key, value) => {
  try {
    area().setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // Private windows and full disks: the page works on without memory.
  }
}

const local = () => window.localStorage
const session = () => window.sessionStorage

/** Shared by all tabs, kept for good. */
export const recall = (key) => read(local, key)
export const remember = (key, value) => write(local, key, value)

/** This tab's own, kept over reloads. */
export const recallInTab = (key) => read(session, key)
export const rememberInTab = (key, value) => write(session, key, value)

/** Calls `listener` when another tab changes `key`. */
export const onRemembered = (key, listener) =>
  window.addEventListener("storage", (event) => {
    if (event.key === PREFIX + key) listener()
  })
