import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Embedded, openEmbedded } from '../../src/database/embedded.ts';

let template: string;
let dataDir: string;
const opened: { pool: pg.Pool; embedded: Embedded }[] = [];

// Making a database takes seconds, copying one does not.
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'embedded-'));
  await (await openEmbedded({ dataDir: template, mode: 'serve' })).close();
});

afterAll(() => rmSync(template, { recursive: true }));

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'embedded-'));
  cpSync(join(template, 'pgdata'), join(dataDir, 'pgdata'), { recursive: true });
});

afterEach(async () => {
  for (const { pool, embedded } of opened.splice(0).reverse()) {
    await pool.end();
    await embedded.close();
  }
  rmSync(dataDir, { recursive: true });
});

async function open(mode: 'serve' | 'join') {
  const embedded = await openEmbedded({ dataDir, mode });
  const pool = new pg.Pool({ ...embedded.poolOptions, max: 3 });
  pool.on('error', () => {});
  opened.push({ pool, embedded });
  return { embedded, pool };
}

async function closeAll(): Promise<void> {
  for (const { pool, embedded } of opened.splice(0).reverse()) {
    await pool.end();
    await embedded.close();
  }
}

test('keeps what was written, over a close and another start', async () => {
  const { pool } = await open('serve');
  await pool.query('CREATE TABLE note (text text)');
  await pool.query('INSERT INTO note VALUES ($1)', ['kept']);
  await closeAll();
  const again = await open('serve');
  expect((await again.pool.query('SELECT text FROM note')).rows).toEqual([{ text: 'kept' }]);
});

test('refuses a second server and serves a guest through the door', async () => {
  const owner = await open('serve');
  await expect(openEmbedded({ dataDir, mode: 'serve' })).rejects.toThrow(
    `DATA_DIR ${dataDir} is in use by process ${process.pid}: one server at a time`,
  );
  const guest = await open('join');
  expect(guest.embedded.pglite).toBeUndefined();
  await guest.pool.query('CREATE TABLE note (text text)');
  await guest.pool.query('INSERT INTO note VALUES ($1)', ['from the guest']);
  expect((await owner.pool.query('SELECT text FROM note')).rows).toEqual([{ text: 'from the guest' }]);
});

test('lets guests who come during the start wait until the database is ready', async () => {
  const opening = open('serve');
  while (!existsSync(join(dataDir, 'tessera.pid'))) await new Promise(setImmediate);
  const guest = await openEmbedded({ dataDir, mode: 'join' });
  const pool = new pg.Pool(guest.poolOptions);
  expect((await pool.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }]);
  await pool.end();
  await opening;
});

test('owns the directory when it joins and nobody is there, and gives it back', async () => {
  const { embedded, pool } = await open('join');
  expect(embedded.pglite).toBeDefined();
  await pool.query('SELECT 1');
  await closeAll();
  await open('serve');
});

test("gives a guest a connection error when the owner is gone, and rolls back the guest's transaction", async () => {
  await open('serve');
  const guest = await openEmbedded({ dataDir, mode: 'join' });
  const client = new pg.Client(guest.poolOptions);
  client.on('error', () => {});
  await client.connect();
  await client.query('BEGIN');
  await client.query('CREATE TABLE unfinished (id int)');
  await closeAll();
  await expect(client.query('COMMIT')).rejects.toThrow(/connection|terminated/i);
  const late = new pg.Client(guest.poolOptions);
  await expect(late.connect()).rejects.toThrow(/ECONNREFUSED|ENOENT/);
  const { pool } = await open('serve');
  expect((await pool.query("SELECT to_regclass('unfinished') AS t")).rows).toEqual([{ t: null }]);
});

test('is not disturbed by garbage at the door', async () => {
  const { pool } = await open('serve');
  const line = createConnection(join(dataDir, 'owner.1.sock')).on('error', () => {});
  line.end('\0\0\0\0garbage');
  await new Promise((done) => line.resume().once('close', done));
  expect((await pool.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }]);
});

test('starts over where a first start was cut short', async () => {
  rmSync(join(dataDir, 'pgdata'), { recursive: true });
  mkdirSync(join(dataDir, 'pgdata.new/base'), { recursive: true });
  writeFileSync(join(dataDir, 'pgdata.new/PG_VERSION'), '18\n');
  const { pool } = await open('serve');
  expect((await pool.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }]);
  expect(existsSync(join(dataDir, 'pgdata.new'))).toBe(false);
});

test.each([
  ['without a version', 'base.sql', '', 'it has files but no PG_VERSION'],
  ['of another PostgreSQL', 'PG_VERSION', '17\n', 'must be of PostgreSQL 18 (it is of 17)'],
])('touches nothing in a pgdata %s, and lets the directory go', async (_name, file, text, complaint) => {
  const path = join(dataDir, 'pgdata', file);
  rmSync(join(dataDir, 'pgdata'), { recursive: true });
  mkdirSync(join(dataDir, 'pgdata'));
  writeFileSync(path, text);
  await expect(openEmbedded({ dataDir, mode: 'serve' })).rejects.toThrow(complaint);
  expect(existsSync(path)).toBe(true);
  expect(await openEmbedded({ dataDir, mode: 'serve' }).catch((error) => error.message)).toContain(complaint);
});
