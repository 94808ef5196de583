/**
 * Whether the people this person has to do with are there, whichever conversation they look at, and when they last were:
 * watched over the `user:{id}` channel. It also tells the others that this person is away while the page is out of sight.
 */

/** As many as a connection may watch. */
const MAX_WATCHED = 500

export class Presences {
  #changed
  #channel
  #isJoined = false
  #wanted = []
  #byUser = new Map()

  constructor(changed) {
    this.#changed = changed
  }

  /** Goes on over this channel, which is joined or about to be. */
  listen(channel) {
    this.#channel = channel
    channel.on("user_presence_changed", (told) => {
      this.#byUser.set(told.user_id, told)
      this.#changed()
    })
    channel.onError(() => {
      this.#isJoined = false
      this.#byUser.clear()
      this.#changed()
    })
    document.addEventListener("visibilitychange", this.#tellOwn)
  }

  close() {
    document.removeEventListener("visibilitychange", this.#tellOwn)
  }

  /** After each join: the service knows neither the list nor whether the page is in sight. */
  joined() {
    this.#isJoined = true
    this.#watch()
    if (document.visibilityState !== "visible") this.#tellOwn()
  }

  /** Those who are to be watched from now on, the most wanted first. */
  want(userIds) {
    const wanted = [...new Set(userIds)].slice(0, MAX_WATCHED)
    const before = new Set(this.#wanted)
    if (wanted.length === before.size && wanted.every((id) => before.has(id))) return
    this.#wanted = wanted
    if (this.#isJoined) this.#watch()
  }

  /** `{status, last_seen, stale}`, or `undefined` while it is not known. */
  of(userId) {
    return this.#byUser.get(userId)
  }

  #watch() {
    const wanted = this.#wanted
    this.#channel.push("watch_presence", { user_ids: wanted }).receive("ok", ({ presences }) => {
      // Others are wanted by now, and their answer is on its way.
      if (wanted !== this.#wanted) return
      this.#byUser = new Map(presences.map((presence) => [presence.user_id, presence]))
      this.#changed()
    })
  }

  #tellOwn = () => {
    if (!this.#isJoined) return
    const status = document.visibilityState === "visible" ? "online" : "away"
    this.#channel.push("update_presence", { status })
  }
}
