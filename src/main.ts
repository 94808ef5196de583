#!/usr/bin/env node
/** The entry of the process: `node src/main.ts [command]`. What the commands do is in `Cli.ts`. */
import { enableCompileCache } from "node:module"

// Code that was compiled at an earlier start is not compiled again: a fifth of the start-up's CPU time. It works for
// what is loaded from here on, hence the late import.
enableCompileCache()

const { run } = await import("./Cli.ts")
run()
