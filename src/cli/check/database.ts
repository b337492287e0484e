import type pg from 'pg';
import type { Config } from '../../config.ts';
import { readMigrationState } from '../../database/migrate.ts';
import { MIGRATIONS } from '../../database/open.ts';
import { OperatorError } from '../../errors.ts';
import { countOf } from '../words.ts';
import { type Finding, messageOf, ok, warning, wrong } from './finding.ts';

const OLDEST_MAJOR = 14;

/** The one finding when there is no database to go on with. */
export function judgeUnreachable(config: Config, error: unknown): Finding {
  const isTold = error instanceof OperatorError;
  const what = config.databaseUrl === null ? `The database in DATA_DIR ${config.dataDir}` : 'DATABASE_URL';
  const verb = config.databaseUrl === null ? 'opened' : 'connected to';
  const message = isTold ? messageOf(error) : `${what} cannot be ${verb}: ${messageOf(error)}.`;
  return wrong('database', `${message} Migrations, keys and users cannot be judged without it.`);
}

/** Which database answers; `owner` is the process that has the embedded one open, null when none has. */
export async function judgeDatabase(
  config: Config,
  pool: pg.Pool,
  owner: { pid: number | null } | null,
): Promise<Finding[]> {
  if (config.databaseUrl !== null) return [await judgeVersion(pool)];
  return [ok('database', `${embedded(config, owner)}.`), ...judgeDurability(config)];
}

/** What an embedded database means in production, made already or not. */
export function judgeDurability(config: Config): Finding[] {
  if (config.env !== 'production') return [];
  const message = 'The embedded database does not fsync: a power cut can lose what was acknowledged.';
  return [warning('database', message, 'Set DATABASE_URL to a PostgreSQL server for what must not be lost.')];
}

function embedded({ dataDir }: Config, owner: { pid: number | null } | null): string {
  if (owner === null) return `The embedded database in ${dataDir} can be opened; no process has it open`;
  return `The embedded database in ${dataDir} is open in ${owner.pid === null ? 'another process' : `process ${owner.pid}`}`;
}

async function judgeVersion(pool: pg.Pool): Promise<Finding> {
  const { rows } = await pool.query<{ server_version: string }>('SHOW server_version');
  const version = rows[0]?.server_version ?? '';
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return ok('database', `PostgreSQL ${version} answers.`);
  return wrong('database', `PostgreSQL must be ${OLDEST_MAJOR} or later (it is ${version}).`, 'Upgrade it.');
}

/** How the database stands to this version's migrations; none is applied. */
export async function judgeMigrations(pool: pg.Pool): Promise<Finding[]> {
  const { pending, failed, edited, unknown } = await readMigrationState(pool, MIGRATIONS);
  const findings: Finding[] = [];
  if (failed) findings.push(wrong('migrations', messageOf(failed)));
  if (pending.length > 0) {
    const names = pending.map(({ name }) => name).join(', ');
    const message = `The database lacks ${countOf(pending.length, 'migration')}: ${names}.`;
    const remedy = 'The server applies what is lacking when it starts; `npx tessera migrate` does so now.';
    findings.push(
      (await mayMakeTables(pool))
        ? warning('migrations', message, remedy)
        : wrong('migrations', message, 'This role may not apply them: run `npx tessera migrate` as the one that may.'),
    );
  }
  for (const name of edited) {
    const message = `Migration ${name} was edited after it was applied; the database keeps what it made then.`;
    const remedy = 'Give it back its text, and put what should change into a new migration.';
    findings.push(warning('migrations', message, remedy));
  }
  if (unknown.length > 0) {
    const message = `The database has ${countOf(unknown.length, 'migration')} of a newer version: ${unknown.join(', ')}.`;
    findings.push(
      warning('migrations', message, 'Upgrade Tessera here, unless an older release is meant to run on it.'),
    );
  }
  return findings.length > 0 ? findings : [ok('migrations', 'The database is up to date.')];
}

async function mayMakeTables(pool: pg.Pool): Promise<boolean> {
  const sql = `SELECT has_schema_privilege(current_schema(), 'CREATE') AS "may"`;
  return (await pool.query<{ may: boolean | null }>(sql)).rows[0]?.may ?? false;
}

/** Whether the first migration has been applied; without it there is nothing to ask for keys and users. */
export async function hasTables(pool: pg.Pool): Promise<boolean> {
  const sql = `SELECT to_regclass('"User"') IS NOT NULL AND to_regclass('"SecretFingerprint"') IS NOT NULL AS "has"`;
  return (await pool.query<{ has: boolean }>(sql)).rows[0]?.has ?? false;
}
