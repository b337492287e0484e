import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database/open.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated data directory that each test file copies; null on PostgreSQL. */
    templateDir: string | null;
    /** A migrated database that each test file copies; null on the embedded database. */
    templateUrl: string | null;
  }
}

/** One migrated template for the whole run, the compiled program for tests that start it, and the clients' types. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync('npm', ['run', '--silent', 'compile'], { stdio: 'inherit' });
  // Under NODE_ENV=test it fails without a word.
  const env = { ...process.env, NODE_ENV: 'development' };
  execFileSync('npm', ['run', '--silent', 'codegen'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  const { TEST_DATABASE_URL } = process.env;
  const tearDown = await (TEST_DATABASE_URL ? setUpPostgres(project, TEST_DATABASE_URL) : setUpEmbedded(project));
  return async () => {
    await tearDown();
    rmSync(project.config.env.RECORD_DIR ?? '', { recursive: true, force: true });
  };
}

async function setUpEmbedded(project: TestProject): Promise<() => Promise<void>> {
  const templateDir = mkdtempSync(join(tmpdir(), 'tessera-template-'));
  await migrate({ DATA_DIR: templateDir });
  project.provide('templateDir', templateDir);
  project.provide('templateUrl', null);
  return async () => rmSync(templateDir, { recursive: true });
}

async function setUpPostgres(project: TestProject, serverUrl: string): Promise<() => Promise<void>> {
  const name = `tessera_template_${process.pid}`;
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  const templateUrl = new URL(serverUrl);
  templateUrl.pathname = `/${name}`;
  await migrate({ DATABASE_URL: templateUrl.href });
  project.provide('templateDir', null);
  project.provide('templateUrl', templateUrl.href);
  return async () => {
    await server.query(`DROP DATABASE ${name}`);
    await server.end();
  };
}

async function migrate(env: Record<string, string>): Promise<void> {
  const { config, secrets } = readConfig({ ...env, TOKEN_SECRETS: 't'.repeat(32), NODE_ENV: 'test' });
  const open = await openDatabase({ config, secrets, log: pino({ level: 'warn' }), asServer: true });
  await open.close();
}
