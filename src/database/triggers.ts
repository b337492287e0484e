import type pg from 'pg';

/** The migration that makes the triggers. */
export const TRIGGERS_MIGRATION = '20261125021654_tell_of_changes';

/** By what the tables tell of changes: trigger and table. Without any one of them, something goes untold. */
const TRIGGERS = {
  tessera_tell_of_token: 'Token',
  tessera_tell_of_token_truncation: 'Token',
  tessera_tell_of_user: 'User',
  tessera_tell_of_user_truncation: 'User',
};

interface SilentTrigger {
  name: string;
  table: string;
  /** Whether it is not there at all; else it is there, and does not always fire. */
  isMissing: boolean;
}

/** The triggers that do not tell what they should. */
export async function findSilentTriggers(pool: pg.Pool): Promise<SilentTrigger[]> {
  const { rows } = await pool.query<SilentTrigger>(
    `SELECT expected."name", expected."table", t."oid" IS NULL AS "isMissing"
       FROM unnest($1::text[], $2::text[]) AS expected ("name", "table")
       LEFT JOIN pg_namespace n ON n.nspname = current_schema()
       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = expected."table"
       LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = expected."name"
      WHERE t.tgenabled IS DISTINCT FROM 'A'
      ORDER BY 1`,
    [Object.keys(TRIGGERS), Object.values(TRIGGERS)],
  );
  return rows;
}
