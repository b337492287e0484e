import pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { startServer, tessera } from '../program.ts';
import { watchTokenLists } from '../token-lists.ts';
import { databaseOfItsOwn, openWorld, PASSWORD } from '../world.ts';
import { HEAR, hear, lastError, OVERLOADED } from './hear.ts';

const world = await openWorld();
const { database, makeUser, request } = world;
const lists = watchTokenLists(database);
// The database's own clock makes the tokens.
beforeEach(() => {
  world.clock.now = new Date();
});

const url = 'http://tessera.test/graphql';
const HOUR = 3_600_000;
const later = (ms: number) => new Date(world.clock.now.getTime() + ms);
const INVALID = lastError('AUTHENTICATION_FAILED', 'Invalid token.');
const INACTIVE = lastError('AUTHENTICATION_FAILED', 'User inactive or deleted.');

function open(key: string, query: string, accept: string) {
  return world.endpoint.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, authorization: `Token ${key}` },
    body: JSON.stringify({ query }),
  });
}

/** Streams that go on until they are ended; each resolves with the last that its client is told, when it is over. */
const STREAMS: Record<string, (key: string) => Promise<{ last: Promise<unknown> }>> = {
  'a subscription': async (key) => {
    const reply = await open(key, HEAR, 'text/event-stream');
    return { last: reply.text().then(lastEvent) };
  },
  'an answer in parts, as events': async (key) => {
    const reply = await openParts(key, 'text/event-stream');
    return { last: reply.text().then(lastEvent) };
  },
  'an answer in parts, as multipart': async (key) => {
    const reply = await openParts(key, 'multipart/mixed');
    return { last: reply.text().then(lastPart) };
  },
};

/** An answer whose last part never comes. */
async function openParts(key: string, accept: string) {
  lists.mockReturnValueOnce(new Promise(() => {}));
  const reply = await open(key, 'query Parts { me { username ... @defer { tokens { totalCount } } } }', accept);
  expect(reply.status).toBe(200);
  return reply;
}

function lastEvent(text: string): unknown {
  const told = [...text.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
  expect(text).toMatch(/\n\nevent: complete\ndata:\n\n$/);
  return withoutHasNext(told.at(-1));
}

function lastPart(text: string): unknown {
  const told = [...text.matchAll(/^({.*})\r$/gm)].map(([, data = '']) => JSON.parse(data));
  expect(text).toMatch(/\r\n-----\r\n$/);
  expect(told.at(-1).hasNext).toBe(false);
  return withoutHasNext(told.at(-1));
}

function withoutHasNext({ hasNext: _, ...result }: Record<string, unknown>): unknown {
  return result;
}

it('ends also when its token was revoked just before it began', async () => {
  const { key, token } = await makeUser();
  let goOn = (): void => {};
  const held = new Promise((resolve) => {
    goOn = () => resolve([]);
  });
  lists.mockClear();
  // What comes at once comes when the token is gone, and what is to come later never does.
  lists.mockReturnValueOnce(held as never).mockReturnValueOnce(new Promise(() => {}));
  const query = '{ tokens { edges { cursor } } me { id ... @defer { tokens { edges { cursor } } } } }';
  const reply = open(key, query, 'text/event-stream');
  await expect.poll(() => lists.mock.calls.length).toBe(2);
  await database.token.delete({ where: { id: token.id } });
  await world.changes.settle();
  goOn();
  expect(lastEvent(await (await reply).text())).toEqual(INVALID);
});

type Made = Awaited<ReturnType<typeof makeUser>>;

const idOf = ({ token }: Made) => globalIdOf('Token', token.id);

const ENDS: Record<string, { by(made: Made): Promise<unknown>; last: unknown }> = {
  'its token is revoked through the API': {
    by: ({ key }) => request('mutation { revokeCurrentToken { __typename } }', { key }),
    last: INVALID,
  },
  'its token is revoked in SQL': {
    by: ({ token }) => database.$executeRaw`DELETE FROM "Token" WHERE "id" = ${token.id}::uuid`,
    last: INVALID,
  },
  'its token is revoked by a command': {
    by: (made) => tessera(['token', 'revoke', idOf(made)], world.env),
    last: INVALID,
  },
  'its token is said to expire, and does': {
    by: async ({ token }) => {
      await database.token.update({ where: { id: token.id }, data: { expiresAt: later(HOUR) } });
      await world.changes.settle();
      world.clock.now = later(HOUR);
    },
    last: INVALID,
  },
  'its token has not been used for too long': {
    by: async () => {
      world.clock.now = later(91 * 24 * HOUR);
    },
    last: INVALID,
  },
  'its user is deactivated by a command': {
    by: ({ user }) => tessera(['user', 'deactivate', user.username], world.env),
    last: INACTIVE,
  },
  'its user is deleted in SQL': {
    by: ({ user }) => database.$executeRaw`DELETE FROM "User" WHERE "id" = ${user.id}::uuid`,
    last: INVALID,
  },
  'its token loses the scopes': {
    by: ({ token }) => database.token.update({ where: { id: token.id }, data: { scopes: ['users:read'] } }),
    last: {
      errors: [
        {
          message: 'You do not have permission to perform this action.',
          extensions: { code: 'FORBIDDEN', requiredScopes: [expect.arrayContaining(['tokens:read'])] },
        },
      ],
    },
  },
  'its token becomes another user’s': {
    by: async ({ token }) => {
      const { user } = await makeUser();
      await database.token.update({ where: { id: token.id }, data: { userId: user.id, name: 'taken' } });
    },
    last: OVERLOADED,
  },
};

describe.each(Object.keys(STREAMS))('%s', (kind) => {
  it.each(Object.keys(ENDS))('ends when %s', async (cause) => {
    const made = await makeUser();
    const { last } = (await STREAMS[kind]?.(made.key)) ?? {};
    await ENDS[cause]?.by(made);
    expect(await last).toEqual(ENDS[cause]?.last);
  });

  it('goes on while its caller stays good, whatever else changes', async () => {
    const made = await makeUser();
    const { user, token, key } = made;
    const spare = await database.token.create({ data: { userId: user.id, kind: 'API', name: 'spare' } });
    const { last } = (await STREAMS[kind]?.(key)) ?? {};
    await database.user.update({ where: { id: user.id }, data: { email: 'new@example.org', isStaff: true } });
    await database.token.update({
      where: { id: token.id },
      data: { name: 'renamed', scopes: ['account:read', 'tokens:read'] },
    });
    await database.token.delete({ where: { id: spare.id } });
    // Its time moves on, unheard: using a token is told to nobody.
    await database.token.update({ where: { id: token.id }, data: { lastUsedAt: later(80 * 24 * HOUR) } });
    await world.changes.settle();
    world.clock.now = later(100 * 24 * HOUR);
    // A beat of the watch, and then some.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await request('{ me { username } }', { key })).status).toBe(200);
    await database.token.delete({ where: { id: token.id } });
    expect(await last).toEqual(INVALID);
  });
});

describe('a server that is told to stop', () => {
  it('ends its streams at once, and says that it cannot answer just now', async () => {
    const own = await databaseOfItsOwn();
    onTestFinished(own.drop);
    const env = { ...world.env, ...own.env };
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
    const key = /tsr_\S+/.exec((await tessera(['token', 'create', 'ada'], env)).stdout)?.[0] ?? '';
    const node = await startServer(env);
    const heard = await hear(node.url, key);
    node.child.kill('SIGTERM');
    // Ten seconds later the rest is cut off.
    const late = new Promise((resolve) => setTimeout(resolve, 5_000, 'late').unref());
    expect(await Promise.race([node.finished, late])).toMatchObject({ code: 0, stderr: '' });
    expect([heard.results, heard.end]).toEqual([[OVERLOADED], 'complete']);
  });
});

describe.runIf(process.env.TEST_DATABASE_URL)('on a database server', () => {
  /** Cuts the lines by which servers hear of changes, and keeps others from being opened until the test is over. */
  async function cutLines(): Promise<void> {
    // Those that the server has stay open: enough of them for what is to come.
    await Promise.all(Array.from({ length: 8 }, () => database.$executeRaw`SELECT pg_sleep(0.1)`));
    const { pathname, href } = new URL(world.config.databaseUrl ?? '');
    const name = pathname.slice(1);
    const admin = new pg.Client({ connectionString: href.replace(/[^/]*$/, 'postgres') });
    await admin.connect();
    onTestFinished(async () => {
      await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);
      await admin.end();
      await expect.poll(() => world.changes.areHeard(), { timeout: 20_000 }).toBe(true);
    });
    await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'tessera changes'`,
      [name],
    );
    await expect.poll(() => world.changes.areHeard()).toBe(false);
  }

  it('a subscription says that events may be missed when they are, and none begins until they are heard', async () => {
    const { key } = await makeUser();
    const { last } = (await STREAMS['a subscription']?.(key)) ?? {};
    await cutLines();
    expect(await last).toMatchObject(OVERLOADED);
    const refused = await open(key, HEAR, 'text/event-stream');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it.each([
    ['revoked', ({ token }: Made) => database.token.delete({ where: { id: token.id } }), INVALID],
    [
      'inactive',
      ({ user }: Made) => database.user.update({ where: { id: user.id }, data: { isActive: false } }),
      INACTIVE,
    ],
  ])(
    'while changes are not heard, streams of the %s end all the same, all found by one query',
    async (_how, by, told) => {
      const [bad, other, good] = [await makeUser(), await makeUser(), await makeUser()];
      const parts = (made: Made) => STREAMS['an answer in parts, as events']?.(made.key);
      const [first, second, third] = [await parts(bad), await parts(other), await parts(good)];
      await cutLines();
      let isOver = false;
      void third?.last.then(() => {
        isOver = true;
      });
      world.queries.length = 0;
      const asked = () => world.queries.splice(0);
      await expect.poll(asked, { interval: 20 }).toEqual([expect.stringContaining('ANY($1::uuid[])')]);
      await Promise.all([by(bad), by(other)]);
      expect(await Promise.all([first?.last, second?.last])).toEqual([told, told]);
      expect(isOver).toBe(false);
      await by(good);
      expect(await third?.last).toEqual(told);
    },
  );

  it('a stream ends when its token is revoked on another node', async () => {
    const node = await startServer(world.env);
    const [mine, theirs] = [await makeUser(), await makeUser()];
    const here = (await STREAMS['an answer in parts, as events']?.(mine.key))?.last;
    const there = await hear(node.url, theirs.key);
    const logOut = 'mutation { revokeCurrentToken { __typename } }';
    await fetch(node.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Token ${mine.key}` },
      body: JSON.stringify({ query: logOut }),
    });
    await request(logOut, { key: theirs.key });
    expect(await here).toEqual(INVALID);
    await expect.poll(() => there.end).toBe('complete');
    expect(there.results.at(-1)).toEqual(INVALID);
  });
});
