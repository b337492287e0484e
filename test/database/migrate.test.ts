import { execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEmbedded } from '../../src/database/embedded.ts';
import { applyMigrations } from '../../src/database/migrate.ts';

const COMMITTED = new URL('../../prisma/migrations/', import.meta.url);
const ROOT = new URL('../../', import.meta.url);
const server = process.env.TEST_DATABASE_URL;

let scratch: string;
let folder: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tessera-migrate-'));
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(scratch, 'migrations-'));
});

async function writeMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), sql);
}

describe('on the embedded database', () => {
  behaviour(async () => {
    const dataDir = await mkdtemp(join(scratch, 'data-'));
    const embedded = await openEmbedded({ dataDir, mode: 'serve' });
    const pool = new pg.Pool(embedded.poolOptions);
    return {
      pool,
      async close() {
        await pool.end();
        await embedded.close();
      },
    };
  });
});

describe.skipIf(!server)('on a PostgreSQL server', () => {
  behaviour(openOwnDatabase);

  test('several servers that start at once apply each migration once and all succeed', async () => {
    const { pool, close } = await openOwnDatabase();
    try {
      await writeMigration('1_slow', 'CREATE TABLE a (); SELECT pg_sleep(0.3);');
      await writeMigration('2_next', 'CREATE TABLE b ();');
      const results = await Promise.all([1, 2, 3, 4].map(() => applyMigrations(pool, folder)));
      expect(results.flat()).toEqual(['1_slow', '2_next']);
      expect(await historyOf(pool)).toHaveLength(2);
    } finally {
      await close();
    }
  });

  test('waits no longer than it was told for another process that is applying migrations', async () => {
    const { pool, close } = await openOwnDatabase();
    const other = await pool.connect();
    try {
      await other.query('SELECT pg_advisory_lock(72707369)');
      await writeMigration('1_a', 'CREATE TABLE a ();');
      await expect(applyMigrations(pool, folder, { lockWaitSeconds: 0.2 })).rejects.toThrow(
        /^Another process has been applying migrations for more than 0.2 seconds/,
      );
    } finally {
      other.release(true);
      await close();
    }
  });

  test('a process killed in the middle of a migration leaves nothing, and the next start applies it', async () => {
    const { pool, url, close } = await openOwnDatabase();
    try {
      await writeMigration('1_a', 'CREATE TABLE a (); SELECT pg_sleep(600);');
      const script = `
        const { default: pg } = await import('pg');
        const { applyMigrations } = await import('./src/database/migrate.ts');
        await applyMigrations(new pg.Pool({ connectionString: process.argv[1] }), process.argv[2]);`;
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, url, folder], {
        cwd: ROOT,
        stdio: 'inherit',
      });
      const sleeping = `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()`;
      await until(async () => (await pool.query(sleeping)).rows.length === 1);
      child.kill('SIGKILL');
      // The server notices that its client is gone only when it next writes to it.
      await pool.query(`SELECT pg_terminate_backend(pid) FROM (${sleeping}) AS s`);

      await writeMigration('1_a', 'CREATE TABLE a ();');
      expect(await applyMigrations(pool, folder)).toEqual(['1_a']);
      expect((await historyOf(pool)).map((row) => row.finished_at)).toEqual([expect.any(Date)]);
    } finally {
      await close();
    }
  });

  test('prisma migrate status calls what it applied up to date', async () => {
    const { pool, url, close } = await openOwnDatabase();
    try {
      await applyMigrations(pool, COMMITTED);
      expect(await prisma(url, 'migrate', 'status')).toContain('Database schema is up to date!');
      expect(await prisma(url, 'migrate', 'deploy')).toContain('No pending migrations to apply.');
    } finally {
      await close();
    }
  });

  test('has nothing to apply after prisma migrate deploy, and the same checksums', async () => {
    const { pool, url, close } = await openOwnDatabase();
    const ours = await openOwnDatabase();
    try {
      await prisma(url, 'migrate', 'deploy');
      const warnings: string[] = [];
      expect(await applyMigrations(pool, COMMITTED, { warn: (warning) => warnings.push(warning) })).toEqual([]);
      expect(warnings).toEqual([]);
      await applyMigrations(ours.pool, COMMITTED);
      const checksums = async (pool: pg.Pool) => (await historyOf(pool)).map((row) => row.checksum);
      expect(await checksums(ours.pool)).toEqual(await checksums(pool));
      expect(await layoutOf(ours.pool)).toEqual(await layoutOf(pool));
    } finally {
      await close();
      await ours.close();
    }
  });

  test('goes on once prisma migrate resolve has settled a failed migration', async () => {
    const { pool, url, close } = await openOwnDatabase();
    try {
      await applyMigrations(pool, COMMITTED);
      await pool.query(`UPDATE _prisma_migrations SET finished_at = NULL
        WHERE started_at = (SELECT max(started_at) FROM _prisma_migrations)`);
      const [name] = (await historyOf(pool)).filter((row) => row.finished_at === null).map((row) => row.migration_name);
      await expect(applyMigrations(pool, COMMITTED)).rejects.toThrow(`Migration ${name} failed before`);
      await prisma(url, 'migrate', 'resolve', '--applied', String(name));
      expect(await applyMigrations(pool, COMMITTED)).toEqual([]);
    } finally {
      await close();
    }
  });
});

function behaviour(open: () => Promise<{ pool: pg.Pool; close: () => Promise<void> }>): void {
  let pool: pg.Pool;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ pool, close } = await open());
  });

  beforeEach(async () => {
    await pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  });

  afterAll(async () => {
    await close();
  });

  test('applies all that is committed once, with the SHA-256 of each file', async () => {
    const names = await applyMigrations(pool, COMMITTED);
    const history = await historyOf(pool);
    expect(history.map((row) => row.migration_name)).toEqual(names);
    for (const row of history) {
      const bytes = await readFile(new URL(`${row.migration_name}/migration.sql`, COMMITTED));
      expect(row).toMatchObject({
        checksum: createHash('sha256').update(bytes).digest('hex'),
        applied_steps_count: 1,
        finished_at: expect.any(Date),
        rolled_back_at: null,
      });
    }
    expect(await applyMigrations(pool, COMMITTED)).toEqual([]);
    expect(await historyOf(pool)).toEqual(history);
  });

  test('applies in the order of the names, and only what is new', async () => {
    await writeMigration('2_b', 'ALTER TABLE a ADD COLUMN two INT;');
    await writeMigration('1_a', 'CREATE TABLE a ();');
    expect(await applyMigrations(pool, folder)).toEqual(['1_a', '2_b']);
    await writeMigration('3_c', 'ALTER TABLE a DROP COLUMN two;');
    expect(await applyMigrations(pool, folder)).toEqual(['3_c']);
  });

  test('runs a function whose body holds semicolons', async () => {
    await writeMigration('1_f', 'CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 7; END; $$;');
    await applyMigrations(pool, folder);
    expect((await pool.query('SELECT f()')).rows).toEqual([{ f: 7 }]);
  });

  test('a migration that fails leaves nothing, names itself, and is tried again when it has been mended', async () => {
    await writeMigration('1_a', 'CREATE TABLE a ();');
    await writeMigration('2_b', 'CREATE TABLE b (); SELECT nothing;');
    await expect(applyMigrations(pool, folder)).rejects.toThrow(
      'Migration 2_b failed: column "nothing" does not exist',
    );
    expect((await historyOf(pool)).map((row) => row.migration_name)).toEqual(['1_a']);
    await writeMigration('2_b', 'CREATE TABLE b ();');
    expect(await applyMigrations(pool, folder)).toEqual(['2_b']);
  });

  test('a migration that cannot run in a transaction does, when its first line says so', async () => {
    await writeMigration('1_a', 'CREATE TABLE a (x INT);');
    await writeMigration('2_b', '-- tessera: no transaction\nCREATE INDEX CONCURRENTLY a_x ON a (x);');
    expect(await applyMigrations(pool, folder)).toEqual(['1_a', '2_b']);
  });

  test('a failure outside a transaction blocks every later start, with its reason and the remedies', async () => {
    await writeMigration('1_a', '-- tessera: no transaction\nCREATE INDEX CONCURRENTLY a_x ON a (x);');
    await expect(applyMigrations(pool, folder)).rejects.toThrow('Migration 1_a failed: relation "a" does not exist');
    await expect(applyMigrations(pool, folder)).rejects.toMatchObject({
      name: 'OperatorError',
      message:
        'Migration 1_a failed before (relation "a" does not exist), and nothing is applied until that is resolved. ' +
        'Undo what it left and run `prisma migrate resolve --rolled-back 1_a`, ' +
        'or finish by hand what it began and run `prisma migrate resolve --applied 1_a`.',
    });
    await pool.query('UPDATE _prisma_migrations SET rolled_back_at = now()');
    await writeMigration('1_a', 'CREATE TABLE a ();');
    expect(await applyMigrations(pool, folder)).toEqual(['1_a']);
  });

  test('warns of a migration that was edited after it was applied, and goes on', async () => {
    await writeMigration('1_a', 'CREATE TABLE a ();');
    await applyMigrations(pool, folder);
    await writeMigration('1_a', 'CREATE TABLE a (x INT);');
    await writeMigration('2_b', 'CREATE TABLE b ();');
    const warnings: string[] = [];
    expect(await applyMigrations(pool, folder, { warn: (warning) => warnings.push(warning) })).toEqual(['2_b']);
    expect(warnings).toEqual(['Migration 1_a was edited after it was applied; the database keeps what it made then']);
  });

  test('leaves alone a migration that only the database knows, as an older release on a newer database must', async () => {
    await writeMigration('1_a', 'CREATE TABLE a ();');
    await writeMigration('9_newer', 'CREATE TABLE z ();');
    await applyMigrations(pool, folder);
    await rm(join(folder, '9_newer'), { recursive: true });
    expect(await applyMigrations(pool, folder)).toEqual([]);
  });

  test('names the folder when a migration cannot be read', async () => {
    await mkdir(join(folder, '1_empty'));
    await expect(applyMigrations(pool, folder)).rejects.toThrow(`The migrations in ${folder} cannot be read: ENOENT`);
  });
}

async function openOwnDatabase() {
  const name = `tessera_migrate_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(String(server));
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href });
  return {
    pool,
    url: url.href,
    async close() {
      await pool.end();
      await admin.query(`DROP DATABASE ${name}`);
      await admin.end();
    },
  };
}

async function historyOf(pool: pg.Pool) {
  return (await pool.query('SELECT * FROM _prisma_migrations ORDER BY started_at')).rows;
}

async function layoutOf(pool: pg.Pool) {
  const { rows } = await pool.query(
    `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
     FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
  );
  return rows;
}

async function prisma(url: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('node_modules/.bin/prisma', args, {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: url },
  });
  return stdout;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
