import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireDirectory, directoryInUse } from '../../src/database/directory-lock.ts';

const CONTENDER = new URL('fixtures/lock-contender.ts', import.meta.url);
const ROUNDS = 10;
let dir: string;
let children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'));
});

afterEach(async () => {
  await killAll();
  rmSync(dir, { recursive: true });
});

async function killAll(): Promise<void> {
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  children = [];
  await Promise.all(
    running.map((child) => {
      child.kill('SIGKILL');
      return once(child, 'exit');
    }),
  );
}

async function contend(data: string, count: number): Promise<{ owners: ChildProcess[]; refused: number }> {
  const contenders = Array.from({ length: count }, () => fork(CONTENDER, [data], { execArgv: ['--import', 'tsx'] }));
  children.push(...contenders);
  await Promise.all(contenders.map((child) => once(child, 'message')));
  const verdicts = contenders.map(async (child) => {
    const [verdict] = await Promise.all([once(child, 'message'), child.send('go')]);
    return { child, verdict: verdict[0] };
  });
  const all = await Promise.all(verdicts);
  const owners = all.filter(({ verdict }) => verdict === 'owner').map(({ child }) => child);
  return { owners, refused: all.filter(({ verdict }) => verdict === 'refused').length };
}

async function own(path: string) {
  const ownership = await acquireDirectory(path, (socket) => socket.destroy());
  if (!ownership.owned) throw new Error('not owned');
  return ownership;
}

test('makes the directory, the socket and the pid file for their owner alone', async () => {
  const fresh = join(dir, 'data');
  const { release } = await own(fresh);
  const modes = Object.fromEntries(readdirSync(fresh).map((name) => [name, statSync(join(fresh, name)).mode & 0o777]));
  expect(statSync(fresh).mode & 0o777).toBe(0o700);
  expect(modes).toEqual({ 'owner.1.sock': 0o600, 'tessera.pid': 0o600 });
  await release();
});

test('tells the second who is the owner, and lets him in when that one has released', async () => {
  const first = await own(dir);
  const second = await acquireDirectory(dir, () => {});
  expect(second).toEqual({ owned: false, socketPath: join(dir, 'owner.1.sock'), pid: process.pid });
  expect(directoryInUse('.tessera', 1234).message).toBe(
    'DATA_DIR .tessera is in use by process 1234: one server at a time can own an embedded database. Stop that one, ' +
      'give this one another DATA_DIR, or set DATABASE_URL to a PostgreSQL server.',
  );
  expect(directoryInUse('.tessera', null).message).toContain('in use by another process:');
  await first.release();
  const third = await own(dir);
  expect(readdirSync(dir).sort()).toEqual(['owner.2.sock', 'tessera.pid']);
  await third.release();
});

test('keeps the highest generation after a release, so that it never falls', async () => {
  await (await own(dir)).release();
  expect(readdirSync(dir)).toEqual(['owner.1.sock']);
});

test('has one owner of four that start at once, and one again after kill -9', { timeout: 120_000 }, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const data = join(dir, `${round}`);
    for (const generation of [1, 2]) {
      const { owners, refused } = await contend(data, 4);
      expect([owners.length, refused], `round ${round}`).toEqual([1, 3]);
      expect(existsSync(join(data, `owner.${generation}.sock`))).toBe(true);
      await killAll();
    }
  }
});

test('never has two owners while many come and go', { timeout: 60_000 }, async () => {
  let owners = 0;
  let most = 0;
  let turns = 0;
  async function comeAndGo(): Promise<void> {
    // So many that some knock while the owner is just closing its door.
    while (turns < 2_000) {
      const ownership = await acquireDirectory(dir, (socket) => socket.destroy());
      if (!ownership.owned) continue;
      turns += 1;
      owners += 1;
      most = Math.max(most, owners);
      await new Promise(setImmediate);
      owners -= 1;
      await ownership.release();
    }
  }
  await Promise.all(Array.from({ length: 6 }, comeAndGo));
  expect(most).toBe(1);
});

test('takes a stopped owner for alive', async () => {
  const { owners } = await contend(dir, 1);
  owners[0]?.kill('SIGSTOP');
  const ownership = await acquireDirectory(dir, () => {});
  expect(ownership).toMatchObject({ owned: false, pid: owners[0]?.pid });
});

test('refuses a directory that others may write to', async () => {
  chmodSync(dir, 0o770);
  await expect(own(dir)).rejects.toThrow(
    `DATA_DIR ${dir} must not be writable by others than its owner (its mode is 770). Run \`chmod 700 ${dir}\`.`,
  );
});

test('refuses a path that does not fit a socket address', async () => {
  const long = join(dir, 'd'.repeat(100));
  await expect(own(long)).rejects.toThrow(
    /is too long: .* must be at most 100 bytes .* Set DATA_DIR to a shorter path/,
  );
  expect(existsSync(long)).toBe(false);
});
