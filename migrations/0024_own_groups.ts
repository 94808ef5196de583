/**
 * A user may name a group they create by an id of their own, as peer services do. The names of each user are theirs
 * alone: nobody can take one before a peer or somebody else does, or find out by trying which there are.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE conversations ADD COLUMN external_group_creator uuid`
  yield* sql`
    COMMENT ON COLUMN conversations.external_group_creator IS
      'The user whose name for the group external_group_id is; null where it is a name among peer services'`
  yield* sql`ALTER TABLE conversations DROP CONSTRAINT conversations_external_group_id_unique`
  yield* sql`
    CREATE UNIQUE INDEX conversations_external_group ON conversations (external_group_id)
    WHERE external_group_id IS NOT NULL AND external_group_creator IS NULL`
  yield* sql`
    CREATE UNIQUE INDEX conversations_own_group ON conversations (external_group_creator, external_group_id)
    WHERE external_group_creator IS NOT NULL`
})
