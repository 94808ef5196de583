// Prints docs/configuration.md from the settings themselves: `node scripts/print-configuration.mjs > docs/configuration.md`.
import { toMarkdownTable } from "../src/layers/config/Settings.ts"

process.stdout.write(`# Configuration

Environment variables, read once at the start. A wrong value ends the start with a message that names its variable.
In \`prod\` and \`kube\` the service refuses to start without \`JWT_JWKS_URL\` or \`JWT_JWKS_FILE\`; the dev issuer does not
exist there. This page is printed from the code (\`node scripts/print-configuration.mjs\`), and a test compares the two.

${toMarkdownTable()}
`)
