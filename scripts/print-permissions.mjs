// Prints docs/permissions.md from the policy itself: `node scripts/print-permissions.mjs > docs/permissions.md`.
import { toMarkdownTable } from "../src/domain/Policy.ts"

process.stdout.write(`# Permissions

Who may do what in a conversation. A member has one of three roles; a group has one owner. Everything here is decided by
one function (\`src/domain/Policy.ts\`), for channels, REST, RPC and gRPC alike.

${toMarkdownTable()}

- A setting is \`everyone\` or \`admins\` (which includes the owner). \`who_may_post\` is \`everyone\` unless it is set,
  \`who_may_pin\` and \`who_may_add_members\` are \`admins\`.
- Who may not is answered \`forbidden\` with the \`rule\`: \`role:<action>\`, \`direct:<action>\`, \`setting:<name>\`, or
  \`role:lower_only\` for an attempt on a member of one's own role or a higher one.
- Who is no member is answered \`not_member\`, whether there is such a conversation or not; a conversation that was
  deleted is answered like one that never was.
- When the owner leaves, the admin who joined first becomes the owner, or the first member where there is no admin. When
  the last member leaves, the group is deleted.
- Whether a user is there, on any device, is shown to whoever shares a conversation with them, and to nobody else. When they
  were last, and how far they have read, is their preference (\`last_seen\`, \`read_receipts\`), honoured both ways: who does not
  tell it is not told it.

This page is printed from the code (\`node scripts/print-permissions.mjs\`), and a test compares the two.
`)
