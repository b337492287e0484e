import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { leastIdAt } from '../../src/accounts/audit-list.ts';
import { backfillTokens } from '../../src/accounts/backfill-tokens.ts';
import { changePassword } from '../../src/accounts/change-password.ts';
import { newPasswordSchema } from '../../src/accounts/new-password.ts';
import { pruneAudit } from '../../src/accounts/prune-audit.ts';
import { pruneTokens } from '../../src/accounts/prune-tokens.ts';
import { setActive } from '../../src/accounts/users.ts';
import { newTokenId } from '../../src/auth/key.ts';
import type { AuditEvent, User } from '../../src/database/generated/prisma/client.ts';
import { changedBy, NOBODY } from '../../src/database/origin.ts';
import { rotateSigningKey } from '../../src/database/signing-keys.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { recordSecrets } from '../recorder.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld({ AUTHENTICATION: 'token,jwt,session,basic', MAX_LOGIN_FAILURES: '3' });
const { database, makeUser, tokenSecrets, clock, sparseEvents } = world;
const { DATABASE_URL: serverUrl }: Partial<Record<string, string>> = world.env;

const FORM = 'application/x-www-form-urlencoded';

let requests = 0;
let addresses = 0;

/** What somebody asks from an address of his own, and as what the trail should know the request. */
async function ask(query: string, headers: Record<string, string> = {}, address = `198.51.100.${++addresses}`) {
  const requestId = `request-${++requests}`;
  const sent = { 'content-type': 'application/json', 'user-agent': 'a test', 'x-request-id': requestId, ...headers };
  const req = { socket: { remoteAddress: address, encrypted: true }, headers: {}, rawHeaders: [] };
  const response = await world.endpoint.fetch(
    'https://tessera.test/graphql',
    { method: 'POST', headers: sent, body: JSON.stringify({ query }) },
    { req },
  );
  const body = await response.json();
  recordSecrets(body);
  await sparseEvents.settle();
  return { body, sender: { address, userAgent: 'a test', requestId }, response };
}

const withKey = (key: string) => ({ authorization: `Token ${key}` });
const basic = (username: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
});
const login = (username: string, password = PASSWORD) =>
  `mutation { obtainAuthToken(input: { username: "${username}", password: "${password}" }) {
    __typename ... on IssuedToken { key token { id } } } }`;
const pair = (username: string) =>
  `mutation { obtainTokenPair(input: { username: "${username}", password: "${PASSWORD}" }) {
    ... on TokenPair { access refresh } } }`;

let before: string[] = [];

/** What has been told since the test began, the first one first. */
async function told(): Promise<AuditEvent[]> {
  return database.auditEvent.findMany({ where: { id: { notIn: before } }, orderBy: { id: 'asc' } });
}

const kindsOf = (events: AuditEvent[]) => events.map(({ kind }) => kind);

async function forget(): Promise<void> {
  before = (await database.auditEvent.findMany({ select: { id: true } })).map(({ id }) => id);
}

beforeEach(forget);

describe('a login', () => {
  it.each([
    ['obtainAuthToken, of a token that is there', login, {}, ['LOGIN_SUCCEEDED']],
    ['obtainTokenPair', pair, {}, ['TOKEN_CREATED', 'LOGIN_SUCCEEDED']],
    [
      'signIn',
      (username: string) =>
        `mutation { signIn(input: { username: "${username}", password: "${PASSWORD}" }) { __typename } }`,
      { origin: 'http://localhost:4000', 'x-tessera-csrf': '1' },
      ['TOKEN_CREATED', 'LOGIN_SUCCEEDED'],
    ],
  ])('by %s is told with its token and where it came from', async (_, query, headers, kinds) => {
    const { user } = await makeUser();
    await forget();
    const { sender } = await ask(query(user.username), headers);
    const events = await told();
    expect(kindsOf(events)).toEqual(kinds);
    for (const event of events) expect(event).toMatchObject({ ...sender, userId: user.id, actorId: user.id });
    const tokens = await database.token.findMany({
      where: { userId: user.id, ...(kinds.length > 1 && { kind: { not: 'LOGIN' } }) },
    });
    expect(events.map(({ tokenId }) => tokenId)).toEqual(kinds.map(() => tokens[0]?.id));
  });

  it('by Basic is told once an hour of an address, with each request though it comes', async () => {
    const { user } = await makeUser();
    await forget();
    const { sender } = await ask('{ me { id } }', basic(user.username, PASSWORD), '203.0.113.1');
    await ask('{ me { id } }', basic(user.username, PASSWORD), '203.0.113.1');
    expect(await told()).toMatchObject([{ kind: 'LOGIN_SUCCEEDED', userId: user.id, actorId: user.id, ...sender }]);
    await ask('{ me { id } }', basic(user.username, PASSWORD), '203.0.113.2');
    clock.now = new Date(clock.now.getTime() + 3_600_001);
    await ask('{ me { id } }', basic(user.username, PASSWORD), '203.0.113.1');
    expect(kindsOf(await told())).toEqual(Array(3).fill('LOGIN_SUCCEEDED'));
  });

  it.each([
    ['a wrong password', (user: User) => login(user.username, 'wrong'), {}, true],
    ['a password of nobody’s', () => login('nobody-at-all', 'wrong'), {}, false],
    ['a wrong password by Basic', () => '{ me { id } }', (user: User) => basic(user.username, 'wrong'), true],
  ])('that fails is told of %s, without what was typed', async (_, query, headers, isKnown) => {
    const { user } = await makeUser();
    await forget();
    const { sender } = await ask(query(user), typeof headers === 'function' ? headers(user) : headers);
    const events = await told();
    const none = { actorId: null, tokenId: null };
    expect(events).toEqual([
      {
        id: expect.any(String),
        at: expect.any(Date),
        kind: 'LOGIN_FAILED',
        userId: isKnown ? user.id : null,
        ...none,
        ...sender,
      },
    ]);
    expect(JSON.stringify(events)).not.toContain('nobody-at-all');
  });

  it('that is refused unread is told once a wait, however often it comes', async () => {
    const { user } = await makeUser();
    await forget();
    for (let n = 0; n < 6; n++) await ask(login(user.username, `wrong ${n}`), {}, '203.0.113.3');
    expect(kindsOf(await told())).toEqual(['LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_FAILED', 'LOGIN_THROTTLED']);
    expect((await told()).at(-1)).toMatchObject({
      userId: user.id,
      address: '203.0.113.3',
      requestId: `request-${requests - 2}`,
    });
    // The next wait: one more is let through, fails, and what follows is refused again.
    clock.now = new Date(clock.now.getTime() + 10_100);
    for (let n = 0; n < 3; n++) await ask(login(user.username, `wrong again ${n}`), {}, '203.0.113.3');
    expect(kindsOf((await told()).slice(4))).toEqual(['LOGIN_FAILED', 'LOGIN_THROTTLED']);
  });

  it('that is refused unread, of whatever username, is told once in ten seconds of a network', async () => {
    const from = { address: '203.0.113.5', userAgent: null, requestId: null };
    for (let n = 0; n < 100; n++) sparseEvents.loginThrottled(`sprayed${n}`, from, 60);
    sparseEvents.loginThrottled('SPRAYED0', { ...from, address: '203.0.113.6' }, 60);
    sparseEvents.loginThrottled('sprayed0', { ...from, address: '203.0.113.6' }, 60);
    await sparseEvents.settle();
    expect((await told()).map(({ address }) => address).toSorted()).toEqual(['203.0.113.5', '203.0.113.6']);
  });

  it('that hashes the password anew is told of as that, and changes no password', async () => {
    const { user } = await makeUser();
    await forget();
    await world.request(login(user.username), {}, world.endpointWith({ BCRYPT_COST: '5' }));
    const { passwordHash } = await database.user.findUniqueOrThrow({ where: { id: user.id } });
    expect(passwordHash).toMatch(/\$05\$/);
    expect(kindsOf(await told())).toEqual(['PASSWORD_REHASHED', 'LOGIN_SUCCEEDED']);
  });

  it('that proves the password is told of, also where no token comes of it', async () => {
    const { user } = await makeUser();
    await database.token.create({ data: { userId: user.id, kind: 'API', name: 'by hand' } });
    await forget();
    const { body } = await ask(
      `mutation { obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}", name: "by hand" }) {
        __typename } }`,
    );
    expect(body.data.obtainAuthToken.__typename).toBe('ValidationError');
    expect(await told()).toMatchObject([{ kind: 'LOGIN_SUCCEEDED', userId: user.id, tokenId: null }]);
  });

  it('that fails is refused as wrong, and counted, also where the trail cannot be written', async () => {
    const { user } = await makeUser();
    await database.$executeRaw`ALTER TABLE "AuditEvent" RENAME TO "Mislaid"`;
    const wrong = (n: number) => login(user.username, `wrong ${n}`);
    const answers: unknown[] = [];
    for (let n = 0; n < 4; n++) answers.push((await ask(wrong(n), {}, '203.0.113.4')).body);
    await database.$executeRaw`ALTER TABLE "Mislaid" RENAME TO "AuditEvent"`;
    expect(answers.slice(0, 3)).toEqual(
      Array(3).fill({ data: { obtainAuthToken: { __typename: 'InvalidCredentialsError' } } }),
    );
    expect(answers[3]).toMatchObject({ errors: [{ extensions: { code: 'THROTTLED' } }] });
    expect(world.logged.join()).toContain('an event is missing from the audit trail');
  });
});

describe('a token', () => {
  const create = 'mutation { createToken(input: { name: "ci" }) { ... on IssuedToken { key token { id } } } }';

  it('is told of from its making to its end, with whoever asked for it', async () => {
    const { user, key } = await makeUser();
    await forget();
    const made = await ask(create, withKey(key));
    const { id } = made.body.data.createToken.token;
    const rotated = await ask(
      `mutation { rotateToken(input: { id: "${id}", overlapSeconds: 60 }) { ... on IssuedToken { token { id } } } }`,
      withKey(key),
    );
    const nextId = rotated.body.data.rotateToken.token.id;
    const ended = await ask(`mutation { revokeToken(id: "${nextId}") { __typename } }`, withKey(key));
    const mine = { userId: user.id, actorId: user.id };
    const events = (await told()).map(({ tokenId, ...event }) => ({
      ...event,
      token: globalIdOf('Token', tokenId ?? ''),
    }));
    expect(events.slice(0, 1)).toMatchObject([{ kind: 'TOKEN_CREATED', ...mine, token: id, ...made.sender }]);
    expect(events.slice(1, 3).sort((a, b) => (a.kind < b.kind ? -1 : 1))).toMatchObject([
      { kind: 'TOKEN_CREATED', ...mine, token: nextId, ...rotated.sender },
      { kind: 'TOKEN_ROTATED', ...mine, token: id, ...rotated.sender },
    ]);
    expect(events.slice(3)).toMatchObject([{ kind: 'TOKEN_REVOKED', ...mine, token: nextId, ...ended.sender }]);
  });

  it('is told of when all are ended at once, or by its own key at /oauth/revoke, by whoever holds that', async () => {
    const { user, key, token } = await makeUser();
    await ask(create, withKey(key));
    await forget();
    const all = await ask('mutation { revokeAllTokens(keepCurrent: true) { count } }', withKey(key));
    expect(await told()).toMatchObject([{ kind: 'TOKEN_REVOKED', userId: user.id, actorId: user.id, ...all.sender }]);
    await forget();
    const req = { socket: { remoteAddress: '203.0.113.9' }, headers: {}, rawHeaders: [] };
    const { status } = await world.endpoint.fetch(
      'https://tessera.test/oauth/revoke',
      { method: 'POST', headers: { 'x-request-id': 'oauth', 'content-type': FORM }, body: `token=${key}` },
      { req },
    );
    expect(status).toBe(200);
    const sender = { address: '203.0.113.9', requestId: 'oauth', userAgent: null };
    expect(await told()).toMatchObject([{ kind: 'TOKEN_REVOKED', tokenId: token.id, actorId: null, ...sender }]);
  });

  it('that makes way for a login is revoked by it', async () => {
    const { user } = await makeUser();
    const other = world.endpointWith({ AUTHENTICATION: 'jwt', MAX_TOKENS_PER_USER: '1' });
    for (let n = 0; n < 2; n++) await world.request(pair(user.username), {}, other);
    const about = (await told()).filter(({ userId }) => userId === user.id).slice(2);
    expect(kindsOf(about)).toEqual([
      'TOKEN_CREATED',
      'LOGIN_SUCCEEDED',
      'TOKEN_REVOKED',
      'TOKEN_CREATED',
      'LOGIN_SUCCEEDED',
    ]);
  });

  it('that expired, and is tidied up or replaced, was not revoked', async () => {
    const { user, token, key } = await makeUser();
    const expiresAt = new Date(clock.now.getTime() - 1);
    await database.token.create({ data: { userId: user.id, kind: 'API', name: 'ci', expiresAt } });
    await forget();
    await ask(create, withKey(key));
    expect(kindsOf(await told())).toEqual(['TOKEN_EXPIRED', 'TOKEN_CREATED']);
    await database.token.updateMany({ where: { id: token.id }, data: { expiresAt } });
    const { lifetimes } = world.tokenRules;
    for await (const _ of backfillTokens(database, { lifetimes, now: () => clock.now, origin: NOBODY }));
    await database.token.updateMany({ data: { expiresAt } });
    for await (const _ of pruneTokens(database, { expiredAt: clock.now, lifetimes }));
    expect(await database.token.count()).toBe(0);
    expect(new Set(kindsOf(await told()))).toEqual(new Set(['TOKEN_CREATED', 'TOKEN_CHANGED', 'TOKEN_EXPIRED']));
  });

  it.each([
    ['one that was revoked', 'revoked'],
    ['one of an inactive user’s', 'inactive'],
    ['one that was never ours', 'forged'],
    ['an access token of a pair that was ended', 'access'],
  ] as const)('that is refused is told once an hour of an address: %s', async (_, what) => {
    const { user, token, key } = await makeUser();
    const pairs = await ask(pair(user.username));
    const { access } = pairs.body.data.obtainTokenPair;
    const strict = { ...world, endpoint: world.endpointWith({ AUTHENTICATION: 'token,jwt', JWT_CHECK: 'strict' }) };
    if (what === 'revoked') await database.token.delete({ where: { id: token.id } });
    if (what === 'inactive') await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    const ended = await database.token.findFirst({ where: { userId: user.id, kind: 'REFRESH' } });
    if (what === 'access') await database.token.deleteMany({ where: { kind: 'REFRESH' } });
    await world.changes.settle();
    await forget();
    const sent = {
      revoked: withKey(key),
      inactive: withKey(key),
      forged: withKey(`tsr_${'A'.repeat(43)}`),
      access: { authorization: `Bearer ${access}` },
    }[what];
    const address = `2001:db8:${requests}::1`;
    const req = { socket: { remoteAddress: address }, headers: {}, rawHeaders: [] };
    for (let n = 0; n < 3; n++) {
      const asked = {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...sent },
        body: '{"query":"{ me { id } }"}',
      };
      const { status } = await strict.endpoint.fetch('https://tessera.test/graphql', asked, { req });
      expect(status).toBe(401);
      await sparseEvents.settle();
    }
    const tokenId = { revoked: token.id, inactive: token.id, forged: null, access: ended?.id }[what];
    // Of one whose row is gone the trail still knows whose it was.
    const userId = what === 'forged' ? null : user.id;
    expect(await told()).toMatchObject([{ kind: 'TOKEN_REFUSED', tokenId, userId, actorId: null, address }]);
  });

  it('that is refused a thousand times, from everywhere, fills no disk', async () => {
    world.logged.length = 0;
    clock.now = new Date(clock.now.getTime() + 3_600_000);
    for (let n = 0; n < 1_000; n++) {
      sparseEvents.tokenRefused(null, { address: `10.${n >> 8}.${n & 255}.1`, userAgent: null, requestId: null });
    }
    await sparseEvents.settle();
    expect(kindsOf(await told())).toEqual(Array(60).fill('TOKEN_REFUSED'));
    expect(world.logged.filter((line) => line.includes('within a minute'))).toHaveLength(1);
    clock.now = new Date(clock.now.getTime() + 60_001);
    sparseEvents.tokenRefused(null, { address: '10.9.9.9', userAgent: null, requestId: null });
    await sparseEvents.settle();
    expect(await told()).toHaveLength(61);
    for (let n = 0; n < 100; n++) {
      sparseEvents.tokenRefused(null, { address: `10.8.${n}.1`, userAgent: null, requestId: null });
    }
    // What strangers forge keeps no key that was ours from being told.
    const token = { id: newTokenId(), userId: null };
    sparseEvents.tokenRefused(token, { address: '10.9.9.9', userAgent: null, requestId: null });
    await sparseEvents.settle();
    expect((await told()).filter(({ tokenId }) => tokenId === token.id)).toHaveLength(1);
  });

  it.each([
    ['what it may do', { scopes: ['account:read'] }],
    ['its end', { expiresAt: new Date('2040-01-01T00:00:00Z') }],
    ['its kind', { kind: 'API' as const }],
  ])('that is changed past the API is told of: %s', async (_, data) => {
    const { user, token } = await makeUser();
    await forget();
    await database.token.update({ where: { id: token.id }, data });
    await database.token.update({ where: { id: token.id }, data: { lastUsedAt: new Date(), name: 'renamed' } });
    expect(await told()).toMatchObject([{ kind: 'TOKEN_CHANGED', userId: user.id, tokenId: token.id, actorId: null }]);
  });

  it('that is given to another is told of to both, and one that lives again, too', async () => {
    const { user, token } = await makeUser();
    const { user: other } = await makeUser();
    await database.token.updateMany({ where: { userId: other.id }, data: { supersededAt: new Date() } });
    await forget();
    await database.token.update({ where: { id: token.id }, data: { userId: other.id } });
    const events = await told();
    expect(kindsOf(events)).toEqual(['TOKEN_CHANGED', 'TOKEN_CHANGED']);
    expect(new Set(events.map(({ userId }) => userId))).toEqual(new Set([user.id, other.id]));
    await database.token.update({ where: { id: token.id }, data: { userId: user.id } });
    await forget();
    await database.token.updateMany({ where: { userId: other.id }, data: { supersededAt: null } });
    expect(kindsOf(await told())).toEqual(['TOKEN_CHANGED']);
  });

  it('of a pair is not told of each time that it is refreshed', async () => {
    const { user } = await makeUser();
    const { refresh } = (await ask(pair(user.username))).body.data.obtainTokenPair;
    await forget();
    await ask(`mutation { refreshTokenPair(refresh: "${refresh}") { __typename } }`);
    expect(await told()).toEqual([]);
  });

  it('of a pair, spent and sent again, is told as reused, and ends the pair', async () => {
    const { user } = await makeUser();
    const { refresh } = (await ask(pair(user.username))).body.data.obtainTokenPair;
    const move = (token: string) =>
      `mutation { refreshTokenPair(refresh: "${token}") { ... on TokenPair { refresh } } }`;
    const next = (await ask(move(refresh))).body.data.refreshTokenPair.refresh;
    await ask(move(next));
    await forget();
    const { sender } = await ask(move(refresh));
    const about = { userId: user.id, actorId: null, tokenId: expect.any(String), ...sender };
    expect(await told()).toMatchObject([
      { kind: 'TOKEN_REVOKED', ...about },
      { kind: 'REFRESH_REUSED', ...about },
    ]);
    await ask(move(refresh));
    expect(await told()).toHaveLength(2);
  });
});

describe('a user', () => {
  it('is told of when made by himself, and when made by staff', async () => {
    const make = (name: string) =>
      `mutation { createUser(input: { username: "${name}", password: "${PASSWORD}" }) { __typename } }`;
    const own = await ask(make('newcomer'));
    const newcomer = await database.user.findUniqueOrThrow({ where: { usernameKey: 'newcomer' } });
    const byHimself = { userId: newcomer.id, actorId: null, ...own.sender };
    expect((await told()).sort((a, b) => (a.kind < b.kind ? -1 : 1))).toMatchObject([
      { kind: 'TOKEN_CREATED', ...byHimself },
      { kind: 'USER_CREATED', ...byHimself },
    ]);
    const staff = await makeUser(undefined, { isStaff: true });
    await forget();
    const asked = await ask(make('hired'), withKey(staff.key));
    for (const event of await told()) expect(event).toMatchObject({ actorId: staff.user.id, ...asked.sender });
    expect(kindsOf(await told()).sort()).toEqual(['TOKEN_CREATED', 'USER_CREATED']);
  });

  it.each([
    ['{"isActive":false}', ['USER_DEACTIVATED']],
    ['{"isStaff":true}', ['USER_PROMOTED']],
    ['{"isSuperuser":true,"isStaff":true}', ['USER_PROMOTED']],
    ['{"email":"new@example.org"}', []],
    ['{"passwordHash":"$2b$04$another"}', ['PASSWORD_CHANGED']],
    ['{"passwordHash":null,"isActive":false}', ['PASSWORD_CHANGED', 'USER_DEACTIVATED']],
  ])('who is changed to %s is told of, and so is what is undone', async (json, kinds) => {
    const { user } = await makeUser();
    const undone: Record<string, string> = { USER_DEACTIVATED: 'USER_ACTIVATED', USER_PROMOTED: 'USER_DEMOTED' };
    await forget();
    await database.user.update({ where: { id: user.id }, data: JSON.parse(json) });
    expect(kindsOf(await told()).sort()).toEqual(kinds);
    await forget();
    await database.user.update({ where: { id: user.id }, data: user });
    expect(kindsOf(await told()).sort()).toEqual(kinds.map((kind) => undone[kind] ?? kind).sort());
    for (const event of await told()) expect(event).toMatchObject({ userId: user.id, actorId: null, address: null });
  });

  it('whose password is changed is told of, with the tokens that end by it', async () => {
    const { user } = await makeUser();
    const read = await newPasswordSchema(user).parseAsync({ password: 'an even finer password' });
    const origin = { ...NOBODY, actorId: user.id, address: '192.0.2.1' };
    await forget();
    await changePassword(database, world.passwords, { ...read, userId: user.id, keepTokens: false, origin });
    expect(await told()).toMatchObject([
      { kind: 'PASSWORD_CHANGED', userId: user.id, actorId: user.id, address: '192.0.2.1' },
      { kind: 'TOKEN_REVOKED', userId: user.id, actorId: user.id, address: '192.0.2.1' },
    ]);
  });

  it('who is deleted takes no event with him', async () => {
    const { user } = await makeUser(undefined, { isSuperuser: true });
    await database.user.delete({ where: { id: user.id } });
    const events = await database.auditEvent.findMany({ where: { userId: user.id }, orderBy: { id: 'asc' } });
    expect(kindsOf(events).sort()).toEqual([
      'TOKEN_CREATED',
      'TOKEN_REVOKED',
      'USER_CREATED',
      'USER_DELETED',
      'USER_PROMOTED',
    ]);
  });
});

it('tells of a key that comes into use, is changed or removed, and of a secret', async () => {
  const origin = { ...NOBODY, userAgent: 'command line' };
  await rotateSigningKey(database, tokenSecrets, { now: clock.now, signsFrom: clock.now, dropped: [], origin });
  await database.secretFingerprint.create({ data: { fingerprint: 'another' } });
  expect(await told()).toMatchObject([
    { kind: 'KEY_ROTATED', userAgent: 'command line' },
    { kind: 'KEY_ROTATED', userAgent: null },
  ]);
  await forget();
  await database.secretFingerprint.delete({ where: { fingerprint: 'another' } });
  await database.signingKey.updateMany({ data: { sealedWith: 'another' } });
  expect(kindsOf(await told())).toEqual(['KEY_REMOVED']);
  await database.signingKey.updateMany({ data: { publicJwk: {} } });
  await database.signingKey.deleteMany();
  expect(new Set(kindsOf(await told()))).toEqual(new Set(['KEY_REMOVED', 'KEY_CHANGED']));
});

describe('the trail', () => {
  it('is written in the transaction of what it tells of: neither is there without the other', async () => {
    const { user } = await makeUser();
    await forget();
    await expect(
      database.$transaction([
        changedBy(database, NOBODY),
        database.token.create({ data: { userId: user.id, kind: 'API', name: 'undone' } }),
        database.$executeRaw`SELECT 1 / 0`,
      ]),
    ).rejects.toThrow();
    expect(await told()).toEqual([]);
  });

  it('tells of whose doing it is within one transaction, and of nobody’s from the next on', async () => {
    const { user } = await makeUser();
    await database.$transaction([
      changedBy(database, { ...NOBODY, actorId: user.id }),
      database.user.update({ where: { id: user.id }, data: { isActive: false } }),
    ]);
    await database.user.update({ where: { id: user.id }, data: { isActive: true } });
    const [off, on] = (await told()).slice(-2);
    expect(off).toMatchObject({ kind: 'USER_DEACTIVATED', actorId: user.id });
    expect(on).toMatchObject({ kind: 'USER_ACTIVATED', actorId: null });
  });

  it('has an event for each of a thousand that are made in one statement', async () => {
    await database.user.createMany({
      data: Array.from({ length: 1_000 }, (_, n) => ({ username: `bulk${n}`, usernameKey: `bulk${n}` })),
    });
    const counted = await database.auditEvent.groupBy({ by: ['kind'], where: { id: { notIn: before } }, _count: true });
    const counts = Object.fromEntries(counted.map(({ kind, _count }) => [kind, _count]));
    expect(counts).toEqual({ USER_CREATED: 1_000, TOKEN_CREATED: 1_000 });
    const ids = (await told()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2_000);
  });

  it('gives ids in the order of time', async () => {
    const { user } = await makeUser();
    await forget();
    for (let n = 0; n < 50; n++)
      await database.user.update({ where: { id: user.id }, data: { isActive: n % 2 === 1 } });
    const kinds = kindsOf(await told());
    expect(kinds).toEqual(Array.from({ length: 50 }, (_, n) => (n % 2 === 1 ? 'USER_ACTIVATED' : 'USER_DEACTIVATED')));
    const [{ id = '', at } = {}] = await told();
    expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBeLessThanOrEqual((at?.getTime() ?? 0) + 1);
    expect(id[14]).toBe('7');
  });

  it('cannot be changed or emptied, nor can the last seven days be deleted', async () => {
    const { id } = await database.auditEvent.create({ data: { kind: 'LOGIN_FAILED' }, select: { id: true } });
    const appendOnly = /append-only/;
    await expect(database.auditEvent.update({ where: { id }, data: { address: 'elsewhere' } })).rejects.toThrow(
      appendOnly,
    );
    await expect(database.auditEvent.deleteMany({})).rejects.toThrow(appendOnly);
    await expect(database.$executeRaw`TRUNCATE "AuditEvent"`).rejects.toThrow(appendOnly);
    expect(await database.auditEvent.count({ where: { id } })).toBe(1);
  });

  it('keeps the last seven days, whatever it is asked to remove', async () => {
    const count = await database.auditEvent.count();
    expect(count).toBeGreaterThan(0);
    for await (const removed of pruneAudit(database, new Date(Date.now() + 86_400_000))) expect(removed).toBe(0);
    expect(await database.auditEvent.count()).toBe(count);
  });

  it('is pruned of what is older than it is to be, in batches', async () => {
    const day = 86_400_000;
    const rows = Array.from({ length: 1_500 }, (_, n) => {
      const at = new Date(Date.now() - 30 * day - n * 1_000);
      return {
        id: leastIdAt(at.getTime()),
        at,
        kind: 'LOGIN_FAILED' as const,
      };
    });
    await database.auditEvent.createMany({ data: rows });
    const batches: number[] = [];
    for await (const removed of pruneAudit(database, new Date(Date.now() - 30 * day - 100_000))) batches.push(removed);
    expect(batches.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(1_390);
    expect(batches[0]).toBe(1_000);
    const left = await database.auditEvent.count({ where: { at: { lt: new Date(Date.now() - 20 * day) } } });
    expect(left).toBeGreaterThan(90);
    expect(left).toBeLessThanOrEqual(101);
  });

  it.skipIf(!serverUrl)('cannot be led astray by tables that a session lays before it', async () => {
    const { user } = await makeUser();
    await forget();
    const client = new pg.Client({ connectionString: serverUrl as string });
    await client.connect();
    await client.query('CREATE TEMP TABLE "AuditEvent" (LIKE public."AuditEvent" INCLUDING DEFAULTS)');
    await client.query('SET search_path = pg_temp, public');
    await client.query('UPDATE public."User" SET "isStaff" = true WHERE "id" = $1', [user.id]);
    await client.end();
    expect(kindsOf(await told())).toEqual(['USER_PROMOTED']);
  });

  it.skipIf(!serverUrl)('runs no function of a stranger’s with its owner’s rights', async () => {
    const { user } = await makeUser();
    const client = new pg.Client({ connectionString: serverUrl as string });
    await client.connect();
    await client.query(
      `CREATE FUNCTION tessera_audit(text, uuid, uuid) RETURNS void LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'a stranger’s'; END $$`,
    );
    try {
      await client.query(
        'UPDATE "User" SET "isStaff" = true, "isActive" = false, "passwordHash" = NULL WHERE "id" = $1',
        [user.id],
      );
    } finally {
      await client.query('DROP FUNCTION tessera_audit(text, uuid, uuid)');
      await client.end();
    }
  });

  it.skipIf(!serverUrl)('is written for roles that may not write it', async () => {
    const { user } = await makeUser();
    await forget();
    const client = new pg.Client({ connectionString: serverUrl as string });
    await client.connect();
    const role = `tessera_test_${process.pid}`;
    await client.query(`CREATE ROLE ${role}; GRANT SELECT, UPDATE ON "User" TO ${role}`);
    try {
      await client.query(`SET ROLE ${role}`);
      await client.query('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]);
      await expect(client.query('SELECT tessera_audit($1, NULL, NULL)', ['LOGIN_FAILED'])).rejects.toThrow(
        /permission denied/,
      );
    } finally {
      await client.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await client.end();
    }
    expect(kindsOf(await told())).toEqual(['USER_DEACTIVATED']);
  });
});
