import { readFileSync } from 'node:fs';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openToRead } from '../src/database/open.ts';
import { globalIdOf } from '../src/graphql/global-id.ts';
import type { HookedTokenEvent, Hooks } from '../src/hooks.ts';
import { createLog } from '../src/log.ts';
import { serve } from '../src/serve.ts';
import { blocksOf } from './clients/blocks.ts';
import { tessera } from './program.ts';
import { recordOutput } from './recorder.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from './world.ts';

const world = await openWorld();

// As docs/guides/hooks.md has it.
const hooks: Hooks = {
  async onTokenEvent({ kind, tokenId, userId, name }, { database, log }) {
    if (kind !== 'CREATED') return;
    const claimed = await database.$executeRaw`
      INSERT INTO "HandledTokenEvent" ("tokenId", "kind") VALUES (${tokenId}::uuid, ${kind}) ON CONFLICT DO NOTHING`;
    if (claimed === 1) log.info({ userId, name }, 'a mail about a new token');
  },
};

/** A server that runs these hooks, and what it logs; on a database of its own unless another is given. */
async function serveWith(hooks: Hooks, given?: Awaited<ReturnType<typeof databaseOfItsOwn>>) {
  const own = given ?? (await databaseOfItsOwn());
  const env = { NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: TOKEN_SECRET, ...own.env };
  const { config, secrets } = readConfig({ ...env, PORT: '0', REGISTRATION: 'open' });
  const logged: Record<string, unknown>[] = [];
  function write(line: string): void {
    recordOutput(line);
    logged.push(JSON.parse(line));
  }
  const server = await serve(config, secrets, createLog(config, { write }), hooks);
  let isClosed = false;
  async function close(): Promise<void> {
    if (!isClosed) await server.close();
    isClosed = true;
  }
  onTestFinished(async () => {
    await close();
    if (!given) await own.drop();
  });
  return { env, logged, close, url: server.url };
}

/** Makes a user, and with him a token. */
async function register(url: string, username: string): Promise<void> {
  const query = `mutation { createUser(input: { username: "${username}", password: "${PASSWORD}" }) { __typename } }`;
  const headers = { 'content-type': 'application/json' };
  await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
}

it('is told of what happens to everybody’s tokens, and has the database at hand', async () => {
  const told: (HookedTokenEvent & { username: string | undefined })[] = [];
  const { env, url } = await serveWith({
    async onTokenEvent(event, { database }) {
      const user = await database.user.findUnique({ where: { id: event.userId } });
      told.push({ ...event, username: user?.username });
    },
  });
  for (const username of ['ada', 'eve']) await register(url, username);
  await tessera(['token', 'revoke', '--user', 'ada'], env);
  await expect.poll(() => told.length).toBe(3);
  expect(told.map(({ kind, username, name }) => [kind, username, name])).toEqual([
    ['CREATED', 'ada', 'default'],
    ['CREATED', 'eve', 'default'],
    ['REVOKED', 'ada', 'default'],
  ]);
  const [made, , revoked] = told;
  expect(made).toMatchObject({ globalTokenId: globalIdOf('Token', made?.tokenId ?? ''), at: expect.any(Date) });
  expect(revoked?.tokenId).toBe(made?.tokenId);
});

it.each([
  [
    'throws',
    () => {
      throw new Error('the mail server is down');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the mail server is down'))],
])('what %s in a hook is logged, and ends nothing', async (_how, onTokenEvent) => {
  const { url, logged } = await serveWith({ onTokenEvent });
  for (const username of ['ada', 'eve']) await register(url, username);
  const failed = {
    level: 50,
    msg: 'the hook onTokenEvent failed',
    kind: 'CREATED',
    err: { message: 'the mail server is down' },
  };
  await expect.poll(() => logged.filter(({ level }) => level === 50)).toMatchObject([failed, failed]);
});

it('may finish what it has begun before the database is closed', async () => {
  let count = -1;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isBegun = false;
  const { url, close } = await serveWith({
    async onTokenEvent(_event, { database }) {
      isBegun = true;
      await held;
      count = await database.user.count();
    },
  });
  await register(url, 'ada');
  await expect.poll(() => isBegun).toBe(true);
  const closed = close();
  release();
  await closed;
  expect(count).toBe(1);
});

it('is told of everybody’s expiries once a minute, by one query', async () => {
  const made = [await world.makeUser(), await world.makeUser()];
  await world.changes.settle();
  const expiresAt = new Date(world.clock.now.getTime() + 1000);
  await world.database.token.updateMany({ data: { expiresAt } });
  await world.changes.settle();
  const told: unknown[] = [];
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const stop = world.streams.tokenEvents.subscribe(null, { hear: (event) => told.push(event), lose: () => {} });
  onTestFinished(stop);
  world.clock.now = new Date(expiresAt.getTime() + 1);
  world.queries.length = 0;
  vi.advanceTimersByTime(59_999);
  expect(world.queries).toEqual([]);
  vi.advanceTimersByTime(1);
  vi.useRealTimers();
  const events = made.map(({ token: { id, userId, name } }) => ({
    kind: 'EXPIRED',
    tokenId: id,
    userId,
    name,
    at: expiresAt,
  }));
  await expect.poll(() => told).toHaveLength(2);
  expect(told).toEqual(expect.arrayContaining(events));
  expect(world.queries).toHaveLength(1);
});

it('of several nodes, the one that claims an event does what the guide does', async () => {
  const [shown] = blocksOf('docs/guides/hooks.md', 'ts');
  expect(readFileSync(new URL(import.meta.url), 'utf8')).toContain(shown?.text.replace('export ', ''));
  const [table] = blocksOf('docs/guides/hooks.md', 'sql');
  const own = await databaseOfItsOwn();
  const { env, ...rest } = await serveWith({}, own);
  const { pool, close } = await openForTable(env);
  await pool.query(table?.text ?? '');
  await close();
  await rest.close();
  // The embedded database has one node.
  const nodes = [await serveWith(hooks, own), ...(inject('templateUrl') ? [await serveWith(hooks, own)] : [])];
  onTestFinished(own.drop);
  for (const username of ['ada', 'eve']) await register(nodes[0]?.url ?? '', username);
  for (const node of nodes) await node.close();
  const mails = nodes.flatMap(({ logged }) => logged.filter(({ msg }) => msg === 'a mail about a new token'));
  expect(mails).toMatchObject([{ name: 'default' }, { name: 'default' }]);
});

/** A connection to the database of a server that runs. */
async function openForTable(env: Record<string, string>) {
  const { config } = readConfig(env);
  const opened = await openToRead(config, createLog(config, { write: () => {} }));
  if (!opened) throw new Error('There is no database.');
  return opened;
}
