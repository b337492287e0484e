import { once } from 'node:events';
import { Agent, createServer, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import * as oauth from 'oauth4webapi';
import { afterAll, describe, expect, it } from 'vitest';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import type { Prisma } from '../../src/database/generated/prisma/client.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { recordSecret } from '../recorder.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld({ TOKEN_IDLE_LIFETIME: '90d' });
const { clock, database, lastUsed, logged, makeUser, queries, request } = world;

const INTROSPECT = '/oauth/introspect';
const REVOKE = '/oauth/revoke';
const FORM = 'application/x-www-form-urlencoded';
const HEADERS = {
  'cache-control': 'private, no-store',
  pragma: 'no-cache',
  vary: 'Authorization, Token, Cookie',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};
const JSON_HEADERS = { ...HEADERS, 'content-type': 'application/json; charset=utf-8' };

const server = createServer(world.endpoint).listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => void server.close());
const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;

/** The whole reply: status, headers but for the request's id and what is left of the caller's limit, and body. */
async function post(path: string, body: string | Record<string, string>, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : new URLSearchParams(body).toString();
  const response = await world.endpoint.fetch(`http://tessera.test${path}`, {
    method: 'POST',
    headers: { 'content-type': FORM, ...headers },
    body: text,
  });
  const all = Object.fromEntries(response.headers.entries());
  const { 'x-request-id': requestId, 'content-length': _, ratelimit, 'ratelimit-policy': policy, ...rest } = all;
  // Of no connection, only a user is counted.
  expect([undefined, '"user";q=6000;w=60']).toContain(policy);
  expect(ratelimit === undefined).toBe(policy === undefined);
  expect(requestId).toMatch(/^[\da-f-]{36}$/);
  return { status: response.status, headers: rest, body: await response.text() };
}

/** A token made by hand, and its key. */
async function makeToken(data: Omit<Prisma.TokenUncheckedCreateInput, 'userId' | 'name'> = {}) {
  const { user } = await makeUser();
  const token = await database.token.create({ data: { userId: user.id, name: 'api', kind: 'API', ...data } });
  const key = keyOf(token, world.tokenSecrets);
  recordSecret(key);
  return { user, token, key };
}

async function pairOf(username: string): Promise<{ access: string; refresh: string }> {
  const { body } = await request(
    `mutation { obtainTokenPair(input: { username: "${username}", password: "${PASSWORD}" }) { ... on TokenPair { access refresh } } }`,
  );
  return body.data.obtainTokenPair;
}

const service = await makeToken({ scopes: ['tokens:introspect'] });
const asService = { authorization: `Bearer ${service.key}` };

async function introspect(key: string) {
  const { status, headers, body } = await post(INTROSPECT, { token: key }, asService);
  expect({ status, headers }).toEqual({ status: 200, headers: JSON_HEADERS });
  return JSON.parse(body);
}

async function isAccepted(key: string): Promise<boolean> {
  return (await request('{ me { id } }', { key })).status === 200;
}

function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

const before = () => new Date(clock.now.getTime() - 1);

/** Keys that are worth nothing, each made when it is asked for. */
const WORTHLESS: Record<string, () => Promise<string>> = {
  'a forged key': async () => `tsr_${'A'.repeat(43)}`,
  'a key whose token is gone': async () => keyOf({ id: newTokenId() }, world.tokenSecrets),
  'a key that has expired': async () => (await makeToken({ expiresAt: clock.now })).key,
  'a key that was rotated, its overlap over': async () =>
    (await makeToken({ supersededAt: before(), expiresAt: before() })).key,
  'a login key not used for ninety days': async () => {
    const { token, key } = await makeUser();
    const longAgo = new Date(clock.now.getTime() - 90 * 86_400_000);
    await database.token.update({ where: { id: token.id }, data: { createdAt: longAgo } });
    return key;
  },
  'a key of a user who is inactive': async () => {
    const { user, key } = await makeToken();
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    return key;
  },
  'a key of another secret': async () => keyOf((await makeToken()).token, ['another secret of enough bytes, for sure']),
  'a key misspelt': async () => (await makeToken()).key.replace(/.$/, '!'),
  'no key at all': async () => 'eyJhbGciOiJIUzI1NiJ9.e30.x',
  'text that no header could carry': async () => '\u0000\ud83d\ude00\r\n',
};

describe('POST /oauth/introspect', () => {
  it('says whose a good key is, what it may do and until when', async () => {
    const expiresAt = new Date(clock.now.getTime() + 3_600_999);
    const { user, token, key } = await makeToken({ scopes: ['notes:read', 'notes:write'], expiresAt });
    expect(await introspect(key)).toEqual({
      active: true,
      scope: 'notes:read notes:write',
      username: user.username,
      token_type: 'Bearer',
      exp: secondsOf(expiresAt),
      iat: secondsOf(token.createdAt),
      sub: globalIdOf('User', user.id),
      jti: globalIdOf('Token', token.id),
    });
  });

  it('tells a login key’s idle end, and no end where there is none', async () => {
    const { token, key } = await makeUser();
    const idleEnd = new Date(token.createdAt.getTime() + 90 * 86_400_000);
    expect(await introspect(key)).toMatchObject({ active: true, scope: '*', exp: secondsOf(idleEnd) });
    expect(await introspect((await makeToken()).key)).not.toHaveProperty('exp');
  });

  it('knows a key that was rotated until its overlap ends', async () => {
    const { key } = await makeToken({ supersededAt: before(), expiresAt: new Date(clock.now.getTime() + 1) });
    expect(await introspect(key)).toMatchObject({ active: true });
  });

  it.each(Object.entries(WORTHLESS))('says of %s that it is not active, and nothing else', async (_name, make) => {
    expect(await introspect(await make())).toEqual({ active: false });
  });

  it('says of the tokens of a pair that the access token lets in, and the refresh token does not', async () => {
    const { user } = await makeUser();
    const { access, refresh } = await pairOf(user.username);
    expect(await introspect(access)).toMatchObject({ active: true, username: user.username, token_type: 'Bearer' });
    expect(await introspect(refresh)).toEqual({ active: false });
  });

  it('is no use of the key that is asked about', async () => {
    const { token, key } = await makeToken();
    await introspect(key);
    await lastUsed.write();
    expect((await database.token.findUniqueOrThrow({ where: { id: token.id } })).lastUsedAt).toBeNull();
    const { lastUsedAt } = await database.token.findUniqueOrThrow({ where: { id: service.token.id } });
    expect(lastUsedAt).not.toBeNull();
  });

  it('asks the database each time, whatever is kept in memory', async () => {
    const { user, key } = await makeToken();
    await world.changes.settle();
    for (let times = 0; times < 2; times++) {
      expect(await isAccepted(key)).toBe(true);
      queries.length = 0;
      expect(await introspect(key)).toMatchObject({ username: user.username });
      expect(queries.filter((sql) => sql.includes('FROM "Token" t JOIN "User" u')).length).toBeGreaterThan(0);
    }
  });

  it('knows the caller by any way in that GraphQL has, and takes * for every scope', async () => {
    const { key } = await makeUser();
    for (const headers of [{ authorization: `Token ${key}` }, { authorization: `Bearer ${key}` }, { token: key }]) {
      expect(
        (await post(INTROSPECT, { token: key, token_type_hint: 'refresh_token' }, headers as never)).body,
      ).toContain('"active":true');
    }
  });

  it.each([
    [
      'nobody',
      {},
      401,
      { 'www-authenticate': 'Token' },
      { error: 'invalid_client', error_description: 'Authentication credentials were not provided.' },
    ],
    [
      'a stale key',
      { authorization: 'Token stale' },
      401,
      { 'www-authenticate': 'Token' },
      { error: 'invalid_token', error_description: 'Invalid token.' },
    ],
    [
      'a stale key as Bearer',
      { authorization: 'Bearer tsr_stale' },
      401,
      { 'www-authenticate': 'Bearer error="invalid_token", error_description="Invalid token."' },
      { error: 'invalid_token', error_description: 'Invalid token.' },
    ],
  ])('refuses %s', async (_who, headers, status, challenge, body) => {
    const { key } = await makeUser();
    expect(await post(INTROSPECT, { token: key }, headers as Record<string, string>)).toEqual({
      status,
      headers: { ...JSON_HEADERS, ...challenge },
      body: JSON.stringify(body),
    });
  });

  it('refuses a caller whose token lacks the scope, also about itself, and names the scope', async () => {
    const { key } = await makeToken({ scopes: ['tokens:read', 'tokens:write'] });
    expect(await post(INTROSPECT, { token: key }, { token: key })).toEqual({
      status: 403,
      headers: {
        ...JSON_HEADERS,
        'www-authenticate': 'Bearer error="insufficient_scope", scope="tokens:introspect"',
      },
      body: JSON.stringify({
        error: 'insufficient_scope',
        error_description: 'The token needs the scope tokens:introspect.',
      }),
    });
  });
});

describe('POST /oauth/revoke', () => {
  it('ends the token whose key is sent, and no other of its user', async () => {
    const { user, key } = await makeToken();
    const login = await database.token.findFirstOrThrow({ where: { userId: user.id, name: 'default' } });
    expect(await post(REVOKE, { token: key })).toEqual({ status: 200, headers: HEADERS, body: '' });
    expect(await database.token.findMany({ where: { userId: user.id } })).toEqual([login]);
    expect(await introspect(key)).toEqual({ active: false });
  });

  it('refuses the key from the very next request on, however well it was remembered', async () => {
    for (let times = 0; times < 20; times++) {
      const { key } = await makeToken();
      await world.changes.settle();
      expect(await isAccepted(key)).toBe(true);
      await post(REVOKE, { token: key });
      expect(await isAccepted(key)).toBe(false);
    }
  });

  it.each(Object.entries(WORTHLESS))('answers %s as if it had been good', async (_name, make) => {
    expect(await post(REVOKE, { token: await make() })).toEqual({ status: 200, headers: HEADERS, body: '' });
  });

  it('ends tokens that have expired, and those of users who are inactive', async () => {
    const { user, key } = await makeToken({ expiresAt: clock.now });
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    await post(REVOKE, { token: key });
    expect(await database.token.count({ where: { userId: user.id, name: 'api' } })).toBe(0);
  });

  it('needs no credentials, takes those of anybody, and refuses those that are no good', async () => {
    const { key } = await makeToken();
    const other = await makeToken();
    expect(await post(REVOKE, { token: key }, { token: 'stale' })).toEqual({
      status: 401,
      headers: { ...JSON_HEADERS, 'www-authenticate': 'Token' },
      body: JSON.stringify({ error: 'invalid_token', error_description: 'Invalid token.' }),
    });
    expect(await isAccepted(key)).toBe(true);
    expect((await post(REVOKE, { token: key, token_type_hint: 'nonsense' }, { token: key })).status).toBe(200);
    expect(await isAccepted(key)).toBe(false);
    expect((await post(REVOKE, { token: other.key }, asService)).status).toBe(200);
    expect(await isAccepted(other.key)).toBe(false);
  });

  it('does nothing for a page of another site that knows no key, and lets it read nothing', async () => {
    const { key } = await makeToken();
    const fromElsewhere = { origin: 'https://evil.example', cookie: `session=${key}`, 'sec-fetch-site': 'cross-site' };
    expect(await post(REVOKE, { token: 'tsr_' }, fromElsewhere)).toEqual({ status: 200, headers: HEADERS, body: '' });
    expect(await isAccepted(key)).toBe(true);
  });

  it('is done for a page that has a session, without its proof; introspection is not', async () => {
    const { user, key } = await makeUser();
    const { headers } = await request(
      `mutation { signIn(input: { username: "${user.username}", password: "${PASSWORD}" }) { __typename } }`,
      { headers: { origin: 'http://localhost:4000', 'x-tessera-csrf': '1' } },
    );
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await post(INTROSPECT, { token: key }, { cookie })).status).toBe(403);
    expect((await post(REVOKE, { token: key }, { cookie })).status).toBe(200);
    expect(await isAccepted(key)).toBe(false);
  });
});

describe.each([INTROSPECT, REVOKE])('%s', (path) => {
  const refusal = (description: string) => ({
    status: 400,
    headers: JSON_HEADERS,
    body: JSON.stringify({ error: 'invalid_request', error_description: description }),
  });

  it.each([
    ['JSON', '{"token":"x"}', { 'content-type': 'application/json' }, `The Content-Type must be ${FORM}.`],
    ['text of no type', 'token=x', { 'content-type': '' }, `The Content-Type must be ${FORM}.`],
    ['no token', 'token_type_hint=access_token', {}, 'The parameter token is missing.'],
    ['an empty token', 'token=', {}, 'The parameter token is missing.'],
    ['a token in the URL', 'x=y', {}, 'The parameter token is missing.'],
    ['two tokens', 'token=x&token=x', {}, 'A parameter must not be sent more than once.'],
    ['two hints', 'token=x&token_type_hint=a&token_type_hint=b', {}, 'A parameter must not be sent more than once.'],
    ['a long body', `token=x&y=${'y'.repeat(16_384)}`, {}, 'The body must not be longer than 16384 bytes.'],
  ])('refuses %s', async (name, body, headers, description) => {
    const query = name === 'a token in the URL' ? `?token=${service.key}` : '';
    const reply = await post(path + query, body, { ...asService, ...headers } as Record<string, string>);
    expect(reply).toEqual(refusal(description));
    expect(await database.token.count({ where: { id: service.token.id } })).toBe(1);
  });

  it('takes a form however its type is written', async () => {
    const type = { 'content-type': 'Application/X-WWW-Form-Urlencoded ; charset=UTF-8' };
    expect((await post(path, 'token=nothing', { ...asService, ...type })).status).toBe(200);
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s, and says what it takes', async (method) => {
    const response = await fetch(`${origin}${path}?token=${service.key}`, { method, headers: asService });
    expect([response.status, response.headers.get('allow'), response.headers.get('pragma')]).toEqual([
      405,
      'POST',
      'no-cache',
    ]);
    if (method === 'HEAD') return;
    expect(await response.json()).toEqual({
      error: 'invalid_request',
      error_description: 'The method must be POST.',
    });
  });

  it('goes on with the connection after a body that it has not used', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    async function statusOf(token: string, headers: Record<string, string>) {
      const options = { method: 'POST', agent, headers: { 'content-type': FORM, ...headers } };
      const sent = httpRequest(origin + path, options).end(`token=${token}`);
      const [response] = await once(sent, 'response');
      ports.add(sent.socket?.localPort);
      await once(response.resume(), 'end');
      return response.statusCode;
    }
    const long = 'x'.repeat(1_000_000);
    expect(await statusOf(long, asService)).toBe(400);
    expect(await statusOf(long, { token: 'stale' })).toBe(401);
    expect(await statusOf('short', { token: 'stale' })).toBe(401);
    expect(await statusOf('short', asService)).toBe(200);
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  it('refuses two Authorization headers, of which a proxy may have judged the other one', async () => {
    const sent = httpRequest(origin + path, { method: 'POST', headers: { 'content-type': FORM } });
    sent.setHeader('Authorization', [`Token ${service.key}`, 'Token other']);
    sent.end('token=x');
    const [response] = await once(sent, 'response');
    expect(response.statusCode).toBe(400);
    response.resume();
  });

  it('is a line in the log, with the caller and without the key', async () => {
    logged.length = 0;
    await post(path, { token: 'nothing' }, asService);
    await post(path, { token: 'nothing' }, { token: 'stale' });
    expect(logged.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        msg: 'request',
        operation: path,
        outcome: 'ok',
        status: 200,
        userId: globalIdOf('User', service.user.id),
      }),
      expect.objectContaining({
        msg: 'request',
        operation: path,
        outcome: 'AUTHENTICATION_FAILED',
        status: 401,
        userId: null,
      }),
    ]);
  });

  it('masks what goes wrong inside, and tells the log', async () => {
    const { key } = await makeToken();
    await post(path, { token: 'nothing' }, asService);
    logged.length = 0;
    await database.$executeRaw`ALTER TABLE "Token" RENAME COLUMN "name" TO "elsewhere"`;
    const reply = await post(path, { token: key }, path === INTROSPECT ? asService : {}).finally(
      () => database.$executeRaw`ALTER TABLE "Token" RENAME COLUMN "elsewhere" TO "name"`,
    );
    expect(reply).toEqual({
      status: 500,
      headers: JSON_HEADERS,
      body: JSON.stringify({ error: 'server_error', error_description: 'Internal server error.' }),
    });
    const lines = logged.map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: 50, msg: 'request failed', err: { message: expect.stringContaining('name') } },
      { level: 30, msg: 'request', outcome: 'INTERNAL_SERVER_ERROR', status: 500 },
    ]);
    expect(lines[0].requestId).toBe(lines[1].requestId);
  });

  it('never fails as if the server were at fault, whatever is sent', async () => {
    const latin1 = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
    const headers = fc.record(
      {
        'content-type': fc.oneof(fc.constantFrom(FORM, `${FORM};charset=x`, 'multipart/form-data'), latin1),
        authorization: fc.oneof(fc.constantFrom(asService.authorization, 'Token', 'Basic YTpi', 'Bearer tsr_'), latin1),
        token: latin1,
        cookie: latin1,
        'content-encoding': fc.constantFrom('gzip', 'nonsense'),
        'content-length': fc.constantFrom('0', '5', '-1', 'many'),
      },
      { requiredKeys: [] },
    );
    const form = fc
      .array(fc.tuple(fc.constantFrom('token', 'token_type_hint', 'x'), fc.string({ unit: 'binary' })))
      .map((pairs) => Buffer.from(new URLSearchParams(pairs).toString()));
    const body = fc.oneof(form, fc.uint8Array({ maxLength: 20_000 }));
    logged.length = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('POST', 'POST', 'POST', 'PUT', 'PATCH'), headers, body, async (method, h, b) => {
        const sent = { method, headers: { ...asService, 'content-type': FORM, ...h }, body: b };
        const response = await world.endpoint.fetch(`http://tessera.test${path}`, sent as RequestInit);
        const text = await response.text();
        expect([200, 400, 401, 405]).toContain(response.status);
        expect(text).not.toMatch(/\bat .*:\d+/);
        if (text !== '') expect(JSON.parse(text)).toBeTypeOf('object');
      }),
      { numRuns: 300 },
    );
    expect(logged.filter((line) => line.includes('request failed'))).toEqual([]);
  });
});

describe('an OAuth client library', () => {
  const authorizationServer = {
    issuer: origin,
    introspection_endpoint: origin + INTROSPECT,
    revocation_endpoint: origin + REVOKE,
  };
  const client = { client_id: 'notes' };
  const insecure = { [oauth.allowInsecureRequests]: true };
  const bearer: oauth.ClientAuth = (_server, _client, _body, headers) => {
    headers.set('authorization', asService.authorization);
  };
  async function ask(key: string) {
    const response = await oauth.introspectionRequest(authorizationServer, client, bearer, key, insecure);
    return oauth.processIntrospectionResponse(authorizationServer, client, response);
  }

  it('introspects, revokes as a public client, and understands what is refused', async () => {
    const { user, key } = await makeToken();
    expect(await ask(key)).toMatchObject({ active: true, username: user.username });
    const response = await oauth.revocationRequest(authorizationServer, client, oauth.None(), key, insecure);
    expect(await oauth.processRevocationResponse(response)).toBeUndefined();
    expect(await ask(key)).toEqual({ active: false });

    const stranger = await oauth.introspectionRequest(authorizationServer, client, oauth.None(), key, insecure);
    await expect(oauth.processIntrospectionResponse(authorizationServer, client, stranger)).rejects.toMatchObject({
      name: 'WWWAuthenticateChallengeError',
    });
  });
});
