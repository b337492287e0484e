import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'tessera-authoring-'));
  for (const name of ['package.json', 'prisma.config.ts', 'prisma']) {
    cpSync(join(ROOT, name), join(project, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
});

afterEach(() => {
  rmSync(project, { recursive: true, force: true });
});

test('a change of the schema becomes a migration with its SQL, once', { timeout: 60_000 }, () => {
  const before = migrations();
  editSchema((schema) => schema.replace('email        String?', '$&\n  nickname     String?'));

  const first = newMigration('add_nickname');
  const [added, ...others] = migrations().filter((name) => !before.includes(name));
  expect(others).toEqual([]);
  expect(added).toMatch(/^\d{14}_add_nickname$/);
  const file = `prisma/migrations/${added}/migration.sql`;
  expect(first.stdout).toBe(`Wrote ${file}. Read it before you commit it.\n`);
  expect(readFileSync(join(project, file), 'utf8').trim()).toBe(
    '-- AlterTable\nALTER TABLE "User" ADD COLUMN     "nickname" TEXT;',
  );

  const second = newMigration('again');
  expect(second.stdout).toBe(
    'No difference: prisma/migrations already builds what prisma/schema.prisma says. Nothing written.\n',
  );
  expect(migrations()).toEqual([...before, added]);
});

test('what the schema cannot say starts from an empty migration', () => {
  const before = migrations();
  expect(newMigration('a_trigger', '--empty').status).toBe(0);
  const [added] = migrations().filter((name) => !before.includes(name));
  expect(readFileSync(join(project, `prisma/migrations/${added}/migration.sql`), 'utf8')).toBe(
    '-- What schema.prisma cannot say: a trigger, a function, data.\n',
  );
});

test('a migration without a proper name is refused with the way to call it', () => {
  const before = migrations();
  const { status, stderr } = newMigration('Add nickname');
  expect(status).toBe(1);
  expect(stderr).toContain('Usage: npm run migration -- <name>');
  expect(migrations()).toEqual(before);
});

test('a schema that does not parse is told as Prisma tells it, and nothing is written', { timeout: 60_000 }, () => {
  const before = migrations();
  editSchema((schema) => schema.replace('email        String?', 'email        Strin?'));
  const { status, stderr } = newMigration('typo');
  expect(status).toBe(1);
  expect(stderr).toContain('Type "Strin" is neither a built-in type');
  expect(migrations()).toEqual(before);
});

test('the committed migrations build the committed schema', { timeout: 60_000 }, () => {
  const from = ['--from-migrations', 'prisma/migrations', '--to-schema', 'prisma/schema.prisma'];
  const { status, stdout } = run('node_modules/.bin/prisma', ['migrate', 'diff', ...from, '--exit-code']);
  expect(stdout.trim()).toBe('No difference detected.');
  expect(status).toBe(0);
});

function newMigration(...args: string[]): SpawnSyncReturns<string> {
  return run(process.execPath, ['prisma/new-migration.mjs', ...args]);
}

/** Runs a command where no database is named, and no engine but the one that prisma.config.ts names. */
function run(command: string, args: string[]): SpawnSyncReturns<string> {
  const { DATABASE_URL: _, PRISMA_SCHEMA_ENGINE_BINARY: __, ...env } = process.env;
  return spawnSync(command, args, { cwd: project, env, encoding: 'utf8' });
}

function migrations(): string[] {
  const entries = readdirSync(join(project, 'prisma/migrations'), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function editSchema(edit: (schema: string) => string): void {
  const path = join(project, 'prisma/schema.prisma');
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}
