import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { newTokenId } from '../../src/auth/key.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { startServer, tessera } from '../program.ts';
import { openWorld, PASSWORD } from '../world.ts';
import { HEAR, hear, lastError, OVERLOADED } from './hear.ts';

const world = await openWorld();
const { database, makeUser, request } = world;
const server = createServer(world.endpoint).listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}/graphql`;

const HOUR = 3_600_000;
const later = (ms: number) => new Date(world.clock.now.getTime() + ms);

function event(kind: string, { id, name }: { id: string; name: string }, at: unknown = expect.any(String)) {
  return { data: { tokenEvents: { kind, tokenId: globalIdOf('Token', id), name, at } } };
}

async function makeToken(userId: string, data: object = {}) {
  const token = await database.token.create({ data: { userId, kind: 'API', name: newTokenId(), ...data } });
  // Told already: whoever subscribes from now on hears nothing of it.
  await world.changes.settle();
  return token;
}

const sweeps = () => world.queries.filter((sql) => sql.includes('AND NOT')).length;

/** Waits until it has been looked for expiries so often. */
async function sweep(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    const before = sweeps();
    world.clock.now = later(1);
    await expect.poll(sweeps, { timeout: 5_000 }).toBeGreaterThan(before);
  }
}

describe('tokenEvents', () => {
  it.each([
    'subscription { tokenEvents @skip(if: true) { kind } }',
    'subscription { ...F } fragment F on Subscription { tokenEvents @include(if: false) { kind } }',
    'subscription { ... on Subscription @skip(if: true) { tokenEvents { kind } } }',
  ])('are not waited for where none is asked for: %s', async (query) => {
    const { key } = await makeUser();
    const { status, body } = await request(query, { key });
    expect({ status, body }).toEqual({
      status: 400,
      body: { errors: [expect.objectContaining({ extensions: { code: 'BAD_REQUEST' } })] },
    });
  });

  it('tells of what is done through the API', async () => {
    const { key, user } = await makeUser();
    const heard = await hear(url, key);
    const login = `mutation { obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}", name: "phone" }) {
      ... on IssuedToken { token { id name createdAt } } } }`;
    const { token } = (await request(login)).body.data.obtainAuthToken;
    await request(`mutation { revokeToken(id: "${token.id}") { __typename } }`, { key });
    const told = (kind: string, at: unknown) => ({
      data: { tokenEvents: { kind, tokenId: token.id, name: 'phone', at } },
    });
    await expect
      .poll(() => heard.results)
      .toEqual([told('CREATED', token.createdAt), told('REVOKED', world.clock.now.toISOString())]);
  });

  it('tells of what is done by a command, and in SQL', async () => {
    const { key, user } = await makeUser();
    const heard = await hear(url, key);
    await tessera(['token', 'create', user.username, '--name', 'script'], world.env);
    const made = await database.token.findFirstOrThrow({ where: { userId: user.id, name: 'script' } });
    await tessera(['token', 'revoke', globalIdOf('Token', made.id)], world.env);
    const id = newTokenId();
    await database.$executeRaw`
      INSERT INTO "Token" ("id", "userId", "name", "kind") VALUES (${id}::uuid, ${user.id}::uuid, 'plain', 'API')`;
    await database.$executeRaw`UPDATE "Token" SET "name" = 'renamed' WHERE "id" = ${id}::uuid`;
    await database.$executeRaw`DELETE FROM "Token" WHERE "id" = ${id}::uuid`;
    await expect
      .poll(() => heard.results)
      .toEqual([
        event('CREATED', made, made.createdAt.toISOString()),
        event('REVOKED', made),
        event('CREATED', { id, name: 'plain' }),
        event('REVOKED', { id, name: 'renamed' }),
      ]);
  });

  it('tells that a token was rotated once, and that it was revoked while its key still worked', async () => {
    const { key, user } = await makeUser();
    const token = await makeToken(user.id);
    const heard = await hear(url, key);
    const supersededAt = later(-1000);
    const overlap = { supersededAt, expiresAt: later(HOUR) };
    await database.token.update({ where: { id: token.id }, data: overlap });
    await database.token.update({ where: { id: token.id }, data: { expiresAt: later(2 * HOUR) } });
    await database.token.delete({ where: { id: token.id } });
    await expect
      .poll(() => heard.results)
      .toEqual([event('ROTATED', token, supersededAt.toISOString()), event('REVOKED', token)]);
  });

  it('tells of each expiry once, also of one that is deleted before anybody looked', async () => {
    const { key, user } = await makeUser();
    const [kept, deleted] = [await makeToken(user.id), await makeToken(user.id)];
    const expiresAt = later(HOUR);
    await database.token.updateMany({ where: { id: { in: [kept.id, deleted.id] } }, data: { expiresAt } });
    const heard = await hear(url, key);
    world.clock.now = later(2 * HOUR);
    await database.token.delete({ where: { id: deleted.id } });
    const at = expiresAt.toISOString();
    await expect
      .poll(() => heard.results, { timeout: 5_000 })
      .toEqual(expect.arrayContaining([event('EXPIRED', deleted, at), event('EXPIRED', kept, at)]));
    await sweep(2);
    await database.token.delete({ where: { id: kept.id } });
    const last = await makeToken(user.id);
    await expect.poll(() => heard.results.at(-1)).toEqual(event('CREATED', last));
    expect(heard.results).toHaveLength(3);
  });

  it('tells nobody of another’s tokens', async () => {
    const [ada, eve] = [await makeUser(), await makeUser()];
    const heard = await hear(url, eve.key);
    await makeToken(ada.user.id);
    const own = await makeToken(eve.user.id);
    await expect.poll(() => heard.results).toEqual([event('CREATED', own)]);
    await sweep();
  });

  it.each([
    ['nobody', 401, 'UNAUTHENTICATED', 'Authentication credentials were not provided.', {}],
    ['a wrong key', 401, 'AUTHENTICATION_FAILED', 'Invalid token.', { authorization: 'Token wrong' }],
  ])('refuses %s as a query would be', async (_who, status, code, message, headers) => {
    for (const accept of ['text/event-stream', '*/*', 'application/json']) {
      const reply = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, ...headers },
        body: JSON.stringify({ query: HEAR }),
      });
      expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([status, 'Token']);
      expect(await reply.text()).toContain(JSON.stringify(lastError(code, message)));
    }
  });

  it('asks for tokens:read', async () => {
    const { user } = await makeUser();
    const { key, token } = await makeUser();
    await database.token.update({ where: { id: token.id }, data: { scopes: ['account:read'] } });
    expect(user.id).not.toBe(token.userId);
    const reply = await request(HEAR, { key });
    expect([reply.status, reply.body]).toEqual([
      403,
      {
        errors: [
          {
            message: 'You do not have permission to perform this action.',
            extensions: { code: 'FORBIDDEN', requiredScopes: [['tokens:read']] },
          },
        ],
      },
    ]);
  });
});

/** The stream's answer, unread. */
function begin(key: string, query = HEAR, accept = 'text/event-stream') {
  return world.endpoint.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, authorization: `Token ${key}` },
    body: JSON.stringify({ query }),
  });
}

/** Asks; calling what it returns is leaving. */
function askRaw(key: string): () => void {
  const body = JSON.stringify({ query: HEAR });
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n` +
      `Authorization: Token ${key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return () => socket.resetAndDestroy();
}

describe('a subscriber', () => {
  it('who reads too slowly is told that he has missed something', async () => {
    const { key, user } = await makeUser();
    const reply = await begin(key);
    await database.token.createMany({
      data: Array.from({ length: 310 }, () => ({ userId: user.id, kind: 'API' as const, name: newTokenId() })),
    });
    await world.changes.settle();
    const text = await reply.text();
    expect(text).toMatch(
      /data: {"errors":\[{"message":"Events came faster than they were read\.".*"code":"OVERLOADED"}}\]}\n\nevent: complete\ndata:\n\n$/,
    );
  });

  it('has room for fifty streams, and leaves room when he leaves, whatever he accepts', async () => {
    const { key } = await makeUser();
    const { key: other } = await makeUser();
    for (let times = 0; times < 60; times++) {
      expect((await begin(key, HEAR, 'application/json')).status).toBe(406);
      (await hear(url, key)).leave();
    }
    const open = await Promise.all(Array.from({ length: 50 }, () => hear(url, key)));
    const refused = await begin(key);
    expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([
      503,
      '1',
      expect.stringContaining(JSON.stringify(lastError('OVERLOADED', 'Too many streams of yours are open.'))),
    ]);
    await hear(url, other);
    for (const { leave } of open) leave();
    await expect.poll(async () => (await begin(key)).status).toBe(200);
  });

  it('takes no room when he has left before he is answered', async () => {
    const { key } = await makeUser();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const read = database.$read.bind(database);
    // All of them wait for the one look-up of their key.
    const lookUp = vi.spyOn(database, '$read').mockImplementationOnce(async (...given) => {
      await held;
      return read(...given);
    });
    let present = 0;
    server.on('request', (_request, response: ServerResponse) => {
      present += 1;
      response.once('close', () => {
        present -= 1;
      });
    });
    const leave = Array.from({ length: 50 }, () => askRaw(key));
    await expect.poll(() => [present, lookUp.mock.calls.length]).toEqual([50, 1]);
    for (const each of leave) each();
    await expect.poll(() => present).toBe(0);
    release();
    lookUp.mockRestore();
    expect((await hear(url, key)).end).toBe(null);
  });

  it('is told to read anew where events may have been missed', async () => {
    const { key } = await makeUser();
    const heard = await hear(url, key);
    await database.$executeRaw`SELECT pg_notify('tessera_changes', 'anything may have changed')`;
    await expect.poll(() => heard.end).toBe('complete');
    expect(heard.results).toMatchObject([OVERLOADED]);
    const again = await hear(url, key);
    expect(again.end).toBe(null);
  });
});

describe.runIf(process.env.TEST_DATABASE_URL)('two nodes', () => {
  it('tell each other’s events', async () => {
    const node = await startServer(world.env);
    const { key, user } = await makeUser();
    const [here, there] = [await hear(url, key), await hear(node.url, key)];
    const id = globalIdOf('Token', (await makeToken(user.id, { name: 'spare' })).id);
    const reply = await fetch(node.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Token ${key}` },
      body: JSON.stringify({ query: `mutation { revokeToken(id: "${id}") { __typename } }` }),
    });
    expect(await reply.json()).toEqual({ data: { revokeToken: { __typename: 'RevokedToken' } } });
    const told = ['CREATED', 'REVOKED'].map((kind) => ({
      data: { tokenEvents: { kind, tokenId: id, name: 'spare', at: expect.any(String) } },
    }));
    await expect.poll(() => here.results).toEqual(told);
    await expect.poll(() => there.results).toEqual(told);
  });
});
