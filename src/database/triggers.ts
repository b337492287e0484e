import type pg from 'pg';

const TELL_OF_CHANGES = '20261125021654_tell_of_changes';
const WAYS_IN = '20261125061358_ways_in';

/** By what the tables tell of changes, on which table, and made by which migration. Without any one, something goes untold. */
const TRIGGERS: Record<string, { table: string; migration: string }> = {
  tessera_tell_of_signing_key: { table: 'SigningKey', migration: WAYS_IN },
  tessera_tell_of_token: { table: 'Token', migration: TELL_OF_CHANGES },
  tessera_tell_of_token_truncation: { table: 'Token', migration: TELL_OF_CHANGES },
  tessera_tell_of_user: { table: 'User', migration: TELL_OF_CHANGES },
  tessera_tell_of_user_truncation: { table: 'User', migration: TELL_OF_CHANGES },
};

/** The migration that makes this trigger. */
export function migrationOf(trigger: string): string | undefined {
  return TRIGGERS[trigger]?.migration;
}

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
    [Object.keys(TRIGGERS), Object.values(TRIGGERS).map(({ table }) => table)],
  );
  return rows;
}
