/**
 * Roles change and members leave under the conversation's row lock, each function looking again at what its caller has
 * decided by: two who decide at once, even on two nodes, never leave a group without its one owner.
 *
 * `cleared_seq`: up to here a member has deleted the conversation for themselves.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE conversation_members ADD COLUMN cleared_seq bigint NOT NULL DEFAULT 0`
  // Whether it was done. The old owner becomes an admin.
  yield* sql`
    CREATE FUNCTION change_role(conversation uuid, actor uuid, target uuid, new_role text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM FROM conversations c WHERE c.id = conversation AND c.is_active FOR NO KEY UPDATE;
      IF NOT FOUND THEN
        RETURN false;
      END IF;
      UPDATE conversation_members m SET role = new_role, updated_at = now()
      WHERE m.conversation_id = conversation AND m.user_id = target AND m.is_active AND m.role <> 'owner'
        AND EXISTS (
          SELECT FROM conversation_members o
          WHERE o.conversation_id = conversation AND o.user_id = actor AND o.is_active AND o.role = 'owner'
        );
      IF NOT FOUND THEN
        RETURN false;
      END IF;
      IF new_role = 'owner' THEN
        UPDATE conversation_members m SET role = 'admin', updated_at = now()
        WHERE m.conversation_id = conversation AND m.user_id = actor;
      END IF;
      RETURN true;
    END
    $$`
  // `removed` is false when the member has another role by now, or the actor (null for the service itself) may not any more. `heir`: the new owner.
  yield* sql`
    CREATE FUNCTION remove_member(conversation uuid, actor uuid, target uuid, expected_role text)
    RETURNS TABLE (removed boolean, heir uuid, closed boolean)
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      closed := false;
      PERFORM FROM conversations c WHERE c.id = conversation AND c.is_active FOR NO KEY UPDATE;
      IF FOUND THEN
        UPDATE conversation_members m SET is_active = false, updated_at = now()
        WHERE m.conversation_id = conversation AND m.user_id = target AND m.is_active AND m.role = expected_role
          AND (actor IS NULL OR actor = target OR EXISTS (
            SELECT FROM conversation_members o
            WHERE o.conversation_id = conversation AND o.user_id = actor AND o.is_active
              AND (o.role = 'owner' OR o.role = 'admin' AND expected_role = 'member')
          ));
        removed := FOUND;
      ELSE
        removed := false;
      END IF;
      IF removed THEN
        UPDATE conversations c SET member_count = c.member_count - 1 WHERE c.id = conversation;
        IF expected_role = 'owner' AND NOT EXISTS (
          SELECT FROM conversation_members m
          WHERE m.conversation_id = conversation AND m.is_active AND m.role = 'owner'
        ) THEN
          UPDATE conversation_members m SET role = 'owner', updated_at = now()
          WHERE m.id = (
            SELECT n.id FROM conversation_members n WHERE n.conversation_id = conversation AND n.is_active
            ORDER BY n.role = 'admin' DESC, n.joined_at, n.id LIMIT 1
          )
          RETURNING m.user_id INTO heir;
          IF heir IS NULL THEN
            UPDATE conversations c SET is_active = false WHERE c.id = conversation;
            closed := true;
          END IF;
        END IF;
      END IF;
      RETURN NEXT;
    END
    $$`
})
