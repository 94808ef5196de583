/** Times as people read them: words in the language of the page, clock and zone as the browser is set. */

const LANGUAGE = document.documentElement.lang

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })
const weekday = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long" })
const date = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long" })
const shortDate = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" })
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" })

const DAY_MS = 86_400_000

const midnight = (time) => new Date(time).setHours(0, 0, 0, 0)

const daysAgo = (time) => Math.round((midnight(Date.now()) - midnight(time)) / DAY_MS)

const capitalized = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1)

export const timeOfDay = (time) => clock.format(time)

/** A number that is the same for all times of one day. */
export const dayOf = midnight

/** "Today", "Yesterday", "Monday", "4 March" */
export const dayName = (time) => {
  const days = daysAgo(time)
  if (days < 2) return capitalized(relative.format(-days, "day"))
  return days < 7 ? capitalized(weekday.format(time)) : date.format(time)
}

/** As short as a list needs it: the time of today, the day of earlier. */
export const briefly = (time) => (daysAgo(time) < 1 ? clock.format(time) : shortDate.format(time))

/** A moment that may be another day: "14:05", "25 Nov, 14:05" */
export const moment = (time) =>
  daysAgo(time) === 0 ? clock.format(time) : `${shortDate.format(time)}, ${clock.format(time)}`
