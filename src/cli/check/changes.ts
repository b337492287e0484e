import type pg from 'pg';
import type { Config } from '../../config.ts';
import { type Deafness, findDeafness } from '../../database/introduce.ts';
import { readMigrationState } from '../../database/migrate.ts';
import { MIGRATIONS } from '../../database/open.ts';
import {
  findSilentAuditTriggers,
  findSilentTriggers,
  migrationOf,
  type SilentTrigger,
} from '../../database/triggers.ts';
import { type Finding, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'changes';
/** What a server in recovery says to LISTEN. */
const READ_ONLY = '25006';

/** Whether servers hear what is changed: by it they know how long a key that they remember is good. */
export async function judgeChanges(config: Config, pool: pg.Pool): Promise<Finding[]> {
  const findings = [...(await judgeLine(config)), ...(await judgeTriggers(pool))];
  // An embedded database is heard by its owner, whatever happens.
  if (findings.length > 0 || config.databaseUrl === null) return findings;
  return [ok(SUBJECT, 'They are heard, so servers remember whom keys belong to.')];
}

async function judgeLine({ databaseUrl, directDatabaseUrl }: Config): Promise<Finding[]> {
  if (databaseUrl === null) return [];
  const url = directDatabaseUrl ?? databaseUrl;
  const deafness = await findDeafness({ url, databaseUrl });
  return deafness ? [judgeDeafness(deafness, url === databaseUrl)] : [];
}

async function judgeTriggers(pool: pg.Pool): Promise<Finding[]> {
  // What a migration is still to make is not missing.
  const { pending } = await readMigrationState(pool, MIGRATIONS);
  const toCome = new Set(pending.map(({ name }) => name));
  const isDue = ({ name }: SilentTrigger) => !toCome.has(migrationOf(name) ?? '');
  const silent = (await findSilentTriggers(pool)).filter(isDue).map(({ name, table, isMissing }) => {
    const mend = isMissing ? makeAnew(name) : `Run \`ALTER TABLE "${table}" ENABLE ALWAYS TRIGGER ${name}\``;
    return wrong(
      SUBJECT,
      `${whatIsWrong(name, isMissing)}: keys that are revoked stay good where they are remembered.`,
      `${mend}, then restart every server.`,
    );
  });
  const unwritten = (await findSilentAuditTriggers(pool)).filter(isDue).map(({ name, table, isMissing }) => {
    const mend = isMissing ? makeAnew(name) : `Run \`ALTER TABLE "${table}" ENABLE TRIGGER ${name}\``;
    return wrong('audit', `${whatIsWrong(name, isMissing)}: the audit trail is not whole.`, `${mend}.`);
  });
  return [...silent, ...unwritten];
}

function whatIsWrong(name: string, isMissing: boolean): string {
  return `The trigger ${name} is ${isMissing ? 'missing' : 'switched off'}`;
}

function makeAnew(name: string): string {
  return `Run the CREATE TRIGGER and ALTER TABLE of this name in prisma/migrations/${migrationOf(name)}/migration.sql`;
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
