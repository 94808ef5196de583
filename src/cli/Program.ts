/** The program itself, loaded when a command needs it: help and a wrong command line do without, and are there at once. */
import { Effect } from "effect"

export const app = Effect.promise(() => import("../App.ts"))
