import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createLastUsed } from '../../src/accounts/last-used.ts';
import { findViewer } from '../../src/accounts/viewers.ts';
import { newTokenId } from '../../src/auth/key.ts';
import type { TokenViewer } from '../../src/auth/viewer.ts';
import type { Change } from '../../src/database/changes.ts';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from '../world.ts';

const world = await openWorld({ TOKEN_IDLE_LIFETIME: '1d' });
const { clock, database, lastUsed, logged, makeUser, queries, request } = world;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const warnings: unknown[] = [];
const daily = { lifetimeSeconds: null, idleLifetimeSeconds: 86_400 };
const lifetimes = { LOGIN: daily, SESSION: daily };
const log = { warn: (...parts: unknown[]) => warnings.push(parts) } as never;

function pass(ms: number): Date {
  clock.now = new Date(clock.now.getTime() + ms);
  return clock.now;
}

async function use(key: string, on = world.endpoint) {
  const { status, body } = await request('{ currentToken { lastUsedAt } }', { key }, on);
  return body.data ? body.data.currentToken.lastUsedAt : status;
}

function isWrite(sql: string): boolean {
  return sql.includes('UPDATE "Token" t SET "lastUsedAt"');
}

async function storedOf(token: { id: string }): Promise<Date | null> {
  return (await database.token.findUniqueOrThrow({ where: { id: token.id } })).lastUsedAt;
}

/** Tokens of one user, as the schemes see them. */
async function makeViewers(count: number): Promise<TokenViewer[]> {
  const { user, token } = await makeUser();
  await database.token.createMany({
    data: Array.from({ length: count }, (_, n) => ({ userId: user.id, name: `token ${n}` })),
  });
  const model = (await findViewer(database, token.id)) as TokenViewer;
  const rows = await database.token.findMany({ where: { userId: user.id, name: { not: 'default' } } });
  return rows.map(({ id }) => ({ ...model, token: { ...model.token, id } }));
}

// What one test has left waiting is not the next one's.
beforeEach(async () => {
  await lastUsed.write();
  clock.now = new Date();
});

describe('when a token was last used', () => {
  it('is known at once, and written later', async () => {
    const { key, token } = await makeUser();
    const first = clock.now;
    expect(await use(key)).toBe(first.toISOString());
    expect(await storedOf(token)).toBeNull();
    await lastUsed.write();
    expect(await storedOf(token)).toEqual(first);
  });

  it('is noted once a minute and no oftener', async () => {
    const { key, token } = await makeUser();
    const first = clock.now;
    await use(key);
    const soon = pass(MINUTE - 1);
    expect(await use(key)).toBe(soon.toISOString());
    await lastUsed.write();
    expect(await storedOf(token)).toEqual(first);
    const second = pass(1);
    expect(await use(key)).toBe(second.toISOString());
    await lastUsed.write();
    expect(await storedOf(token)).toEqual(second);
  });

  it('counts for an idle life of seconds, too', async () => {
    const { key } = await makeUser();
    const short = world.endpointWith({ TOKEN_IDLE_LIFETIME: '3s' });
    for (let used = 0; used < 5; used++) {
      expect(await use(key, short)).toBe(clock.now.toISOString());
      pass(2 * SECOND);
    }
    pass(SECOND);
    expect(await use(key, short)).toBe(401);
  });

  it('is known to whoever is looked up before it is written', async () => {
    const { key, token, user } = await makeUser();
    const first = clock.now;
    await use(key);
    await database.user.update({ where: { id: user.id }, data: { email: null } });
    await world.changes.settle();
    const soon = pass(MINUTE - 1);
    queries.length = 0;
    expect(await use(key)).toBe(soon.toISOString());
    expect(queries).toHaveLength(1);
    await lastUsed.write();
    expect(await storedOf(token)).toEqual(first);
  });

  it('is never what a request waits for, and costs nothing where nothing was used', async () => {
    const { key } = await makeUser();
    queries.length = 0;
    await use(key);
    expect(queries.filter(isWrite)).toEqual([]);
    await lastUsed.write();
    expect(queries.filter(isWrite)).toHaveLength(1);
    await lastUsed.write();
    expect(queries.filter(isWrite)).toHaveLength(1);
  });

  it('is written for a thousand tokens in one statement', async () => {
    const viewers = await makeViewers(2_001);
    for (const viewer of viewers) lastUsed.note(viewer);
    queries.length = 0;
    await lastUsed.write();
    expect(queries).toHaveLength(3);
    expect(await database.token.count({ where: { lastUsedAt: clock.now } })).toBe(2_001);
  });

  it('is written once by servers that all noted it within a minute, and never goes back', async () => {
    const [viewer] = await makeViewers(1);
    if (!viewer) throw new Error('There is no token.');
    const nodeNotingAt = (at: Date) => {
      const node = createLastUsed({ database, lifetimes, log, now: () => at });
      node.note({ ...viewer, token: { ...viewer.token } });
      return node.write();
    };
    const at = (ms: number) => new Date(clock.now.getTime() + ms);
    for (const [noted, stored] of [
      [at(0), at(0)],
      [at(MINUTE - 1), at(0)],
      [at(MINUTE), at(MINUTE)],
      [at(-HOUR), at(MINUTE)],
    ] as const) {
      await nodeNotingAt(noted);
      expect(await storedOf(viewer.token)).toEqual(stored);
    }
  });

  it('is told to nobody: no cache is dropped for it', async () => {
    const { key, token } = await makeUser();
    await use(key);
    await world.changes.settle();
    const told: Change[] = [];
    const stop = world.changes.subscribe((change) => told.push(change));
    await lastUsed.write();
    await world.changes.settle();
    expect(await storedOf(token)).toEqual(clock.now);
    expect(told).toEqual([]);
    // What is told would have come in by now.
    await database.token.update({ where: { id: token.id }, data: { name: 'other' } });
    await world.changes.settle();
    stop();
    expect(told).toHaveLength(1);
  });

  it('waits while it cannot be written, which the log says once', async () => {
    const { key, token } = await makeUser();
    await use(key);
    logged.length = 0;
    await database.$executeRaw`ALTER TABLE "Token" RENAME COLUMN "lastUsedAt" TO "elsewhere"`;
    try {
      await lastUsed.write();
      await lastUsed.write();
    } finally {
      await database.$executeRaw`ALTER TABLE "Token" RENAME COLUMN "elsewhere" TO "lastUsedAt"`;
    }
    expect(logged.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: 40,
        msg: 'when tokens were used cannot be written yet',
        reason: expect.stringContaining('lastUsedAt'),
      }),
    ]);
    await lastUsed.write();
    expect(await storedOf(token)).toEqual(clock.now);
  });

  it('is forgotten with its token', async () => {
    const { key, token } = await makeUser();
    await use(key);
    await database.token.delete({ where: { id: token.id } });
    await lastUsed.write();
    queries.length = 0;
    await lastUsed.write();
    expect(queries).toEqual([]);
  });

  it('is noted of no more than 100,000 tokens at a time', async () => {
    const [viewer] = await makeViewers(1);
    if (!viewer) throw new Error('There is no token.');
    const full = createLastUsed({ database, lifetimes, log, now: () => clock.now });
    for (let n = 0; n < 100_000; n++) full.note({ ...viewer, token: { ...viewer.token, id: newTokenId() } });
    full.note(viewer);
    await full.write();
    expect(await storedOf(viewer.token)).toBeNull();
    full.note(viewer);
    await full.write();
    expect(await storedOf(viewer.token)).toEqual(clock.now);
  });
});

describe('a login token that lives a day without being used', () => {
  it('lives on while it is used, on whichever node, and is refused at the instant when it was not', async () => {
    const { key, token } = await makeUser();
    clock.now = token.createdAt;
    const nodes = [world.endpoint, world.endpointWith({ TOKEN_IDLE_LIFETIME: '1d' })] as const;
    for (let day = 0; day < 6; day++) {
      const now = pass(20 * HOUR);
      expect(await use(key, nodes[day % 2])).toBe(now.toISOString());
      await lastUsed.write();
    }
    // Both have kept it, and the first last saw it used twenty hours before the second did.
    const atLast = pass(24 * HOUR - 1);
    expect(await use(key, nodes[0])).toBe(atLast.toISOString());
    await lastUsed.write();
    pass(24 * HOUR);
    expect([await use(key, nodes[0]), await use(key, nodes[1])]).toEqual([401, 401]);
  });
});

it('is written when the server is stopped right after a request', async () => {
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: TOKEN_SECRET };
  await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
  const { stdout } = await tessera(['token', 'create', 'ada'], env);
  const [key] = /tsr_\S+/.exec(stdout) ?? [];
  const server = await startServer(env);
  const body = JSON.stringify({ query: '{ currentToken { lastUsedAt } }' });
  const headers = { 'content-type': 'application/json', authorization: `Token ${key}` };
  const { data } = await (await fetch(server.url, { method: 'POST', headers, body })).json();
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
  const { stdout: listed } = await tessera(['token', 'list', 'ada', '--json'], env);
  expect(JSON.parse(listed)).toMatchObject([{ lastUsedAt: data.currentToken.lastUsedAt }]);
});

// The embedded database has one session: nobody else can hold a row there.
describe.runIf(process.env.TEST_DATABASE_URL)('beside others who write the same rows', () => {
  it('waits for nobody, and tries what was locked again, three times in all', async () => {
    const [held, other] = await makeViewers(2);
    if (!held || !other) throw new Error('There are no tokens.');
    for (const viewer of [held, other]) lastUsed.note(viewer);
    await database.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT FROM "Token" WHERE "id" = ${held.token.id}::uuid FOR NO KEY UPDATE`;
      await lastUsed.write();
      await lastUsed.write();
    });
    expect([await storedOf(held.token), await storedOf(other.token)]).toEqual([null, clock.now]);
    await lastUsed.write();
    expect(await storedOf(held.token)).toEqual(clock.now);

    const before = clock.now;
    pass(MINUTE);
    lastUsed.note(held);
    await database.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT FROM "Token" WHERE "id" = ${held.token.id}::uuid FOR NO KEY UPDATE`;
      for (let tries = 0; tries < 3; tries++) await lastUsed.write();
    });
    await lastUsed.write();
    expect(await storedOf(held.token)).toEqual(before);
  });

  it('never deadlocks: servers that write in any order, tokens deleted in bulk, users deleted with theirs', async () => {
    for (let round = 0; round < 15; round++) {
      const [mine, doomed, orphans] = await Promise.all([makeViewers(150), makeViewers(150), makeViewers(150)]);
      const viewers = [...mine, ...doomed, ...orphans];
      const servers = [1, 2, 3, 4].map((order) => {
        const node = createLastUsed({ database, lifetimes, log, now: () => clock.now });
        const ordered = viewers.toSorted((a, b) => (a.token.id.slice(order) < b.token.id.slice(order) ? -1 : 1));
        for (const viewer of ordered) node.note({ ...viewer, token: { ...viewer.token } });
        return node;
      });
      const idsOf = (some: TokenViewer[]) => some.map(({ token }) => token.id);
      await Promise.all([
        ...servers.map((node) => node.write()),
        database.token.deleteMany({ where: { id: { in: idsOf(doomed) } } }),
        database.user.deleteMany({ where: { id: orphans[0]?.user.id ?? '' } }),
        database.token.updateMany({ where: { id: { in: idsOf(mine) } }, data: { scopes: ['notes:read'] } }),
        ...servers.map((node) => node.write()),
      ]);
      for (const node of servers) await node.write();
      const used = await database.token.count({ where: { id: { in: idsOf(viewers) }, lastUsedAt: clock.now } });
      const left = await database.token.count({ where: { id: { in: idsOf(viewers) } } });
      expect([used, left]).toEqual([150, 150]);
    }
    // Whoever is the victim of a deadlock fails: one of the deletions, above, or one of the writers.
    expect(warnings).toEqual([]);
  }, 60_000);
});
