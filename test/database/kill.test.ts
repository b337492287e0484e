import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEmbedded } from '../../src/database/embedded.ts';

const WRITER = fileURLToPath(new URL('fixtures/writer.ts', import.meta.url));
const KILLS_WHILE_WRITING = 20;
// From before the directory exists, through initdb, to just after it.
const KILLS_WHILE_STARTING_MS = [700, 1500, 2300, 3100];

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kill-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  rmSync(dataDir, { recursive: true });
});

interface Acknowledged {
  single: string[];
  transaction: string[];
}

function startWriter(mode: 'serve' | 'join') {
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, dataDir, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  const closed = once(child, 'close');
  const firstAck = Promise.race([
    once(child.stdout, 'data'),
    closed.then(() => {
      throw new Error('the writer ended before its first write');
    }),
  ]);
  firstAck.catch(() => {});
  async function kill(): Promise<Acknowledged> {
    await killed(child);
    await closed;
    // A last line without its end was not acknowledged in full.
    const lines = printed.split('\n').slice(0, -1);
    const of = (kind: string) => lines.filter((line) => line.startsWith(kind)).map((line) => line.split(' ')[1] ?? '');
    return { single: of('single'), transaction: of('transaction') };
  }
  return { firstAck, kill };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function readParts(): Promise<Map<string, string>> {
  const { poolOptions, close } = await openEmbedded({ dataDir, mode: 'serve' });
  const pool = new pg.Pool(poolOptions);
  const { rows } = await pool.query(
    "SELECT id, string_agg(part::text, ',' ORDER BY part) AS parts FROM written GROUP BY id",
  );
  await pool.end();
  await close();
  return new Map(rows.map(({ id, parts }) => [id, parts]));
}

function expectKept(kept: Map<string, string>, { single, transaction }: Acknowledged): void {
  expect(single.filter((id) => kept.get(id) !== '0')).toEqual([]);
  expect(transaction.filter((id) => kept.get(id) !== '1,2,3')).toEqual([]);
  expect([...kept.values()].filter((parts) => parts !== '0' && parts !== '1,2,3')).toEqual([]);
}

test('loses no acknowledged write and halves no transaction in 20 kills', { timeout: 180_000 }, async () => {
  const all: Acknowledged = { single: [], transaction: [] };
  for (let round = 0; round < KILLS_WHILE_WRITING; round += 1) {
    const writer = startWriter('serve');
    await writer.firstAck;
    await sleep(50 + Math.random() * (round % 4 === 0 ? 1450 : 450));
    const { single, transaction } = await writer.kill();
    all.single.push(...single);
    all.transaction.push(...transaction);
    expectKept(await readParts(), all);
  }
  expect(all.single.length).toBeGreaterThan(100);
  expect(all.transaction.length).toBeGreaterThan(50);
});

test('starts again after a kill at any point of the very first start', { timeout: 60_000 }, async () => {
  for (const delayMs of KILLS_WHILE_STARTING_MS) {
    const writer = startWriter('serve');
    await sleep(delayMs);
    await writer.kill();
  }
  const writer = startWriter('serve');
  await writer.firstAck;
  expectKept(await readPartsAfter(writer.kill), { single: [], transaction: [] });
});

async function readPartsAfter(kill: () => Promise<Acknowledged>): Promise<Map<string, string>> {
  await kill();
  return readParts();
}

test("keeps a guest's acknowledged writes when both guest and owner are killed", { timeout: 60_000 }, async () => {
  const owner = startWriter('serve');
  await owner.firstAck;
  const guest = startWriter('join');
  await guest.firstAck;
  await sleep(300);
  const [guests, owners] = [await guest.kill(), await owner.kill()];
  expect(guests.single.length).toBeGreaterThan(0);
  const kept = await readParts();
  expectKept(kept, guests);
  expectKept(kept, owners);
});
