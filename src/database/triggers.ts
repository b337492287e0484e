import type pg from 'pg';

const TELL_OF_CHANGES = '20261125021654_tell_of_changes';
const WAYS_IN = '20261125061358_ways_in';
const AUDIT_TRAIL = '20261126030931_audit_trail';

/** A table's triggers: on which one, and made by which migration. */
type Triggers = Record<string, { table: string; migration: string }>;

/** By what the tables tell of changes. Without any one, something goes untold. */
const TRIGGERS: Triggers = {
  tessera_tell_of_signing_key: { table: 'SigningKey', migration: WAYS_IN },
  tessera_tell_of_token: { table: 'Token', migration: TELL_OF_CHANGES },
  tessera_tell_of_token_truncation: { table: 'Token', migration: TELL_OF_CHANGES },
  tessera_tell_of_user: { table: 'User', migration: TELL_OF_CHANGES },
  tessera_tell_of_user_truncation: { table: 'User', migration: TELL_OF_CHANGES },
};

/** By what the audit trail is written, and kept from being rewritten. */
const AUDIT_TRIGGERS: Triggers = Object.fromEntries(
  Object.entries({
    Token: ['tessera_audit_tokens_made', 'tessera_audit_tokens_ended', 'tessera_audit_token'],
    User: ['tessera_audit_users_made', 'tessera_audit_users_deleted', 'tessera_audit_user'],
    SigningKey: ['tessera_audit_signing_key', 'tessera_audit_signing_key_changed'],
    SecretFingerprint: ['tessera_audit_secret'],
    AuditEvent: ['tessera_keep_events', 'tessera_keep_new_events', 'tessera_keep_all_events'],
  }).flatMap(([table, names]) => names.map((name) => [name, { table, migration: AUDIT_TRAIL }])),
);

/** The migration that makes this trigger. */
export function migrationOf(trigger: string): string | undefined {
  return { ...TRIGGERS, ...AUDIT_TRIGGERS }[trigger]?.migration;
}

export interface SilentTrigger {
  name: string;
  table: string;
  /** Whether it is not there at all; else it is there, and does not always fire. */
  isMissing: boolean;
}

/** The triggers that do not tell what they should. */
export function findSilentTriggers(pool: pg.Pool): Promise<SilentTrigger[]> {
  return findIdle(pool, TRIGGERS, ['A']);
}

/** As findSilentTriggers, of the audit trail. What replication applies is told where it was done. */
export function findSilentAuditTriggers(pool: pg.Pool): Promise<SilentTrigger[]> {
  return findIdle(pool, AUDIT_TRIGGERS, ['O', 'A']);
}

/** Those that are not there, or not in one of the ways in which PostgreSQL has them fire. */
async function findIdle(pool: pg.Pool, triggers: Triggers, ways: readonly string[]): Promise<SilentTrigger[]> {
  const { rows } = await pool.query<SilentTrigger>(
    `SELECT expected."name", expected."table", t."oid" IS NULL AS "isMissing"
       FROM unnest($1::text[], $2::text[]) AS expected ("name", "table")
       LEFT JOIN pg_namespace n ON n.nspname = current_schema()
       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = expected."table"
       LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = expected."name"
      WHERE t.tgenabled IS NULL OR t.tgenabled::text <> ALL($3::text[])
      ORDER BY 1`,
    [Object.keys(triggers), Object.values(triggers).map(({ table }) => table), ways],
  );
  return rows;
}
