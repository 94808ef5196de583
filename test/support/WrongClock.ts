/** A process whose clock is wrong, by an environment: what it asks the time is off by so much, and goes on evenly. */

const shift = (millis: number): string => `
const Right = globalThis.Date
globalThis.Date = class Date extends Right {
  constructor(...args) {
    if (args.length === 0) super(Right.now() + ${millis})
    else super(...args)
  }
  static now() {
    return Right.now() + ${millis}
  }
  // What the runtime itself makes is a Date, too.
  static [Symbol.hasInstance](value) {
    return value instanceof Right
  }
}`

export const env = (millis: number): Readonly<Record<string, string>> =>
  millis === 0 ? {} : { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift(millis))}` }
