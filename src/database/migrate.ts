import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { OperatorError } from '../errors.ts';

/** Prisma's advisory lock: its command line and this applier wait for each other. */
const LOCK = 72707369;

/** On a script's first line: what follows is one statement that cannot run in a transaction (CREATE INDEX CONCURRENTLY). */
const NO_TRANSACTION = '-- tessera: no transaction';

const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

interface HistoryRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  logs: string | null;
}

/** How a database stands to the migrations of this version. */
export interface MigrationState {
  /** What the database lacks, in order. */
  pending: Migration[];
  /** Begun once, not finished and not resolved: nothing is applied before that is. */
  failed: OperatorError | null;
  /** Names of those whose text was changed after they had been applied. */
  edited: string[];
  /** Names of those that only the database knows, being of a newer version. */
  unknown: string[];
}

interface ApplyOptions {
  /** Told when a migration was edited after it had been applied: the database keeps what the old text made. */
  warn?: (message: string) => void;
  /** How long to wait for another process that is applying migrations. */
  lockWaitSeconds?: number;
}

/**
 * The names of the migrations applied now, in order; none when the database was up to date, which costs one query.
 * Each is a transaction together with its row in the history: a process killed in the middle leaves nothing behind.
 * Migrations that only the database knows are left alone: an older release may start on a newer database.
 * Throws OperatorError when a migration fails, or failed before and is not resolved.
 * Source: prisma migrate deploy, whose table, checksums and lock these are.
 */
export async function applyMigrations(
  pool: pg.Pool,
  migrationsDir: string | URL,
  { warn = () => {}, lockWaitSeconds = 60 }: ApplyOptions = {},
): Promise<string[]> {
  const migrations = await readMigrations(migrationsDir);
  if ((await findPending(pool, migrations, warn)).length === 0) return [];

  const client = await pool.connect();
  let broken = true;
  try {
    await takeLock(client, lockWaitSeconds);
    await client.query(TABLE);
    // Another process may have applied them while this one waited; what it was told of has been warned about above.
    const pending = await findPending(client, migrations, () => {});
    for (const migration of pending) await apply(client, migration);
    await client.query('SELECT pg_advisory_unlock($1)', [LOCK]);
    broken = false;
    return pending.map(({ name }) => name);
  } finally {
    // Ending the connection gives the lock back too.
    client.release(broken);
  }
}

async function readMigrations(migrationsDir: string | URL): Promise<Migration[]> {
  const folder = migrationsDir instanceof URL ? fileURLToPath(migrationsDir) : migrationsDir;
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    return await Promise.all(
      names.sort().map(async (name) => {
        const bytes = await readFile(join(folder, name, 'migration.sql'));
        return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') };
      }),
    );
  } catch (error) {
    throw new OperatorError(`The migrations in ${folder} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** How the database stands to these migrations. Reads, and changes nothing. */
export async function readMigrationState(
  db: pg.Pool | pg.PoolClient,
  migrationsDir: string | URL,
): Promise<MigrationState> {
  return compare(await readMigrations(migrationsDir), await readHistory(db));
}

function compare(migrations: Migration[], history: HistoryRow[]): MigrationState {
  const failed = history.find((row) => row.finished_at === null);
  const applied = new Map(history.map((row) => [row.migration_name, row.checksum]));
  const known = new Set(migrations.map(({ name }) => name));
  return {
    pending: migrations.filter(({ name }) => !applied.has(name)),
    failed: failed ? unresolved(failed) : null,
    edited: migrations.filter(({ name, checksum }) => (applied.get(name) ?? checksum) !== checksum).map(nameOf),
    unknown: [...applied.keys()].filter((name) => !known.has(name)),
  };
}

function nameOf({ name }: Migration): string {
  return name;
}

async function findPending(
  db: pg.Pool | pg.PoolClient,
  migrations: Migration[],
  warn: (message: string) => void,
): Promise<Migration[]> {
  const { pending, failed, edited } = compare(migrations, await readHistory(db));
  if (failed) throw failed;
  for (const name of edited) {
    warn(`Migration ${name} was edited after it was applied; the database keeps what it made then`);
  }
  return pending;
}

/** What was tried on this database and not rolled back since; nothing when it has no history yet. */
async function readHistory(db: pg.Pool | pg.PoolClient): Promise<HistoryRow[]> {
  try {
    const { rows } = await db.query<HistoryRow>(
      `SELECT migration_name, checksum, finished_at, logs FROM _prisma_migrations
       WHERE rolled_back_at IS NULL ORDER BY started_at`,
    );
    return rows;
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return [];
    throw error;
  }
}

/** Asks again and again: a session that sleeps inside pg_advisory_lock would hold up a CREATE INDEX CONCURRENTLY. */
async function takeLock(client: pg.PoolClient, waitSeconds: number): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1000;
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS taken', [LOCK]);
    if (rows[0].taken) return;
    if (performance.now() > deadline) {
      throw new OperatorError(
        `Another process has been applying migrations for more than ${waitSeconds} seconds. ` +
          `Start again when it is done; the session that holds advisory lock ${LOCK} stands in pg_locks.`,
      );
    }
    await delay(100);
  }
}

async function apply(client: pg.PoolClient, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID();
  const inTransaction = !sql.startsWith(NO_TRANSACTION);
  try {
    if (inTransaction) await client.query('BEGIN');
    await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
      id,
      checksum,
      name,
    ]);
    await client.query(sql);
    await client.query(
      'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
      [id],
    );
    if (inTransaction) await client.query('COMMIT');
  } catch (error) {
    const reason = (error as Error).message;
    if (inTransaction) await client.query('ROLLBACK');
    // The row is still there only when the script was not, or not to its end, inside the transaction.
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, reason]);
    throw new OperatorError(`Migration ${name} failed: ${reason}`, { cause: error });
  }
}

function unresolved({ migration_name: name, logs }: HistoryRow): OperatorError {
  return new OperatorError(
    `Migration ${name} failed before${logs ? ` (${logs.trim()})` : ''}, and nothing is applied until that is resolved. ` +
      `Undo what it left and run \`prisma migrate resolve --rolled-back ${name}\`, ` +
      `or finish by hand what it began and run \`prisma migrate resolve --applied ${name}\`.`,
  );
}
