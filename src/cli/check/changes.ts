import type pg from 'pg';
import type { Config } from '../../config.ts';
import { type Deafness, findDeafness } from '../../database/introduce.ts';
import { type Finding, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'changes';
/** What a server in recovery says to LISTEN. */
const READ_ONLY = '25006';

/** Whether servers hear what is changed: by it they know how long a key that they remember is good. */
export async function judgeChanges({ databaseUrl, directDatabaseUrl }: Config, pool: pg.Pool): Promise<Finding[]> {
  if (databaseUrl === null) return [];
  const url = directDatabaseUrl ?? databaseUrl;
  const deafness = await findDeafness({ url, databaseUrl });
  const findings = deafness ? [judgeDeafness(deafness, url === databaseUrl)] : [];
  for (const trigger of await findSilentTriggers(pool)) {
    const message = `The trigger ${trigger.name} is switched off: keys that are revoked stay good where they are remembered.`;
    const remedy = `Run \`ALTER TABLE "${trigger.table}" ENABLE ALWAYS TRIGGER ${trigger.name}\`, then restart every server.`;
    findings.push(wrong(SUBJECT, message, remedy));
  }
  return findings.length > 0 ? findings : [ok(SUBJECT, 'They are heard, so servers remember whom keys belong to.')];
}

function judgeDeafness({ at, reason, code }: Deafness, isOneUrl: boolean) {
  const variable = isOneUrl ? 'DATABASE_URL' : 'DIRECT_DATABASE_URL';
  if (code === READ_ONLY) {
    return wrong(
      SUBJECT,
      `${variable} names a replica (${reason}).`,
      'Name the primary: by a replica nothing is heard.',
    );
  }
  if (at === 'proof') {
    const message = `They are not heard, so every request looks its key up: ${reason}.`;
    return warning(SUBJECT, message, 'See "Poolers" in docs/guides/deployment.md.');
  }
  const message = `${variable} cannot be listened to: ${reason}.`;
  return isOneUrl
    ? warning(SUBJECT, message, 'Until it can, every request looks its key up.')
    : wrong(SUBJECT, message, 'No server starts without it: correct it, or take it out.');
}

async function findSilentTriggers(pool: pg.Pool): Promise<{ name: string; table: string }[]> {
  const { rows } = await pool.query<{ name: string; table: string }>(
    `SELECT t.tgname AS "name", c.relname AS "table" FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE t.tgname LIKE 'tessera\\_tell\\_of\\_%' AND t.tgenabled <> 'A' AND c.relnamespace = current_schema()::regnamespace
      ORDER BY 1`,
  );
  return rows;
}
