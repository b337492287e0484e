import { connect } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import fc from 'fast-check';
import { type CryptoKey, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { findViewer } from '../../src/accounts/viewers.ts';
import { type Explanation, explainCredential } from '../../src/auth/explain.ts';
import { keyOf, newTokenId, SESSION_USE, type TokenSecrets } from '../../src/auth/key.ts';
import { refreshKeyOf } from '../../src/auth/refresh-key.ts';
import { readSentHeader } from '../../src/auth/sent-credential.ts';
import { readConfig } from '../../src/config.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { listen } from '../../src/http/server.ts';
import { accessTokensOf, createWays } from '../../src/schemes.ts';
import { createEndpoint } from '../../src/serve.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, clock } = world;
const SECRETS = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)] as const;
const [A, B, C] = SECRETS;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const PAST = new Date(clock.now.getTime() - 1);
const FUTURE = new Date(clock.now.getTime() + 1);
const daysAgo = (days: number) => new Date(clock.now.getTime() - days * 86_400_000);
const STATES = {
  alive: {},
  'about to expire': { expiresAt: FUTURE },
  'expired this very instant': { expiresAt: clock.now },
  expired: { expiresAt: PAST },
  'not used for 90 days': { createdAt: daysAgo(90) },
  'used within 90 days': { createdAt: daysAgo(91), lastUsedAt: daysAgo(89) },
  'as old as a login token may be': { createdAt: daysAgo(400), lastUsedAt: PAST },
  'made by hand, and unused for years': { kind: 'API', createdAt: daysAgo(4_000) },
  'superseded, both are good': { supersededAt: PAST, expiresAt: FUTURE },
  'superseded, and over': { supersededAt: PAST, expiresAt: PAST },
} as const;
const ids = await makeTokens();
const SESSIONS = {
  'session alive': {},
  'session not used for 7 days': { createdAt: daysAgo(7) },
  'session of 30 days': { createdAt: daysAgo(30), lastUsedAt: PAST },
} as const;
const sessions = await makeSessions();
const accesses = await makeAccessTokens();
const names = [...ids.keys()];

/** A server with these secrets and this keyword, listening, and what its command line would explain. */
async function startWith(tokenSecrets: TokenSecrets, keyword: string, env: Record<string, string> = {}) {
  const { config, secrets } = readConfig({ ...world.env, TOKEN_KEYWORD: keyword, TOKEN_LIFETIME: '400d', ...env });
  const { signingKeys } = world;
  const log = pino({ level: 'silent' });
  const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 0 });
  server.serve(
    createEndpoint(
      config,
      secrets,
      { database, tokenSecrets, signingKeys, changes: world.changes, lastUsed: world.lastUsed },
      log,
      () => clock.now,
    ),
    async () => true,
  );
  afterAll(() => server.close());
  const parts = {
    tokenSecrets,
    accessTokens: accessTokensOf(config, signingKeys),
    prove: async () => null,
    now: () => clock.now,
  };
  return {
    keyword,
    explain: (text: string) =>
      explainCredential(
        readSentHeader(text, { keyword, cookieName: 'tessera-session' }),
        (findOnce) => createWays(config, { ...parts, findViewer: findOnce }),
        (id) => findViewer(database, id),
      ),
    isAccepted: (headerLine: string) => isAccepted(Number(new URL(server.url).port), headerLine),
  };
}

const servers = await Promise.all([
  startWith([A], 'Token'),
  startWith([B, A], 'Token'),
  startWith([C, B, A], 'ApiKey'),
  startWith([B], 'Bearer', { JWT_CHECK: 'strict' }),
  startWith([A], 'Token', { AUTHENTICATION: 'jwt,session,basic', JWT_CHECK: 'strict' }),
]);
const [plain, newAndOld, , , strict] = servers;
const keysAlone = await startWith([B, A], 'Token', { AUTHENTICATION: 'token' });

async function makeTokens(): Promise<Map<string, string>> {
  const { user } = await world.makeUser();
  const { user: gone } = await world.makeUser();
  await database.user.update({ where: { id: gone.id }, data: { isActive: false } });
  const made = new Map([['never issued', newTokenId()]]);
  for (const [name, state] of Object.entries(STATES)) {
    made.set(name, (await database.token.create({ data: { id: newTokenId(), userId: user.id, name, ...state } })).id);
  }
  const ofGone = { id: newTokenId(), userId: gone.id, name: 'of an inactive user' };
  made.set(ofGone.name, (await database.token.create({ data: ofGone })).id);
  return made;
}

async function makeSessions(): Promise<Map<string, string>> {
  const { user } = await world.makeUser();
  const { user: gone } = await world.makeUser();
  await database.user.update({ where: { id: gone.id }, data: { isActive: false } });
  const rows: [string, { userId: string } & object][] = Object.entries(SESSIONS).map(([name, state]) => [
    name,
    { userId: user.id, ...state },
  ]);
  rows.push(['session of an inactive user', { userId: gone.id }]);
  const made = new Map([['session that ended', newTokenId()]]);
  for (const [name, row] of rows) {
    const { id } = await database.token.create({ data: { id: newTokenId(), name, kind: 'SESSION', ...row } });
    made.set(name, id);
  }
  return made;
}

/** Access tokens as they may come, by what is the matter with them; each has a pair of its own. */
async function makeAccessTokens(): Promise<Map<string, string>> {
  const { signingKeys } = world;
  if (!signingKeys) throw new Error('There are no keys.');
  const { privateKey, id: kid } = await signingKeys.signer(clock.now);
  const made = new Map<string, string>();
  const seconds = Math.floor(clock.now.getTime() / 1000);

  async function make(
    name: string,
    { payload = {}, header = {}, pair = {}, key = privateKey, isActive = true }: Partial<MadeAccess> = {},
  ) {
    const { user } = await world.makeUser();
    if (!isActive) await database.user.update({ where: { id: user.id }, data: { isActive } });
    const id = newTokenId();
    const expiresAt = new Date(clock.now.getTime() + 60_000);
    if (pair) {
      await database.token.create({ data: { id, userId: user.id, name, kind: 'REFRESH', expiresAt, ...pair } });
    }
    const claims = { username: user.username, is_staff: false, is_superuser: false, scope: '*', jti: 'one' };
    const token = await new SignJWT({
      ...{ iss: 'http://localhost:4000', aud: 'http://localhost:4000', iat: seconds, exp: seconds + 300, ...claims },
      ...{ sub: globalIdOf('User', user.id), sid: globalIdOf('Token', id) },
      ...payload,
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid, ...header })
      .sign(key, { crit: { exp: true } });
    made.set(name, token);
  }

  const { privateKey: foreign } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  await make('access alive');
  await make('access of a pair that ended', { pair: null });
  await make('access of a pair that is over', { pair: { expiresAt: PAST } });
  await make('access of an inactive user', { isActive: false });
  await make('access expired', { payload: { exp: seconds - 1 } });
  await make('access of another issuer', { payload: { iss: 'https://elsewhere.example' } });
  await make('access for another audience', { payload: { aud: ['https://elsewhere.example', 'b'] } });
  await make('access not good yet', { payload: { nbf: seconds + 60 } });
  await make('access without a scope', { payload: { scope: undefined } });
  await make('access of nobody', { payload: { sub: 'nobody' } });
  await make('id token', { header: { typ: 'JWT' } });
  await make('access of another server', { key: foreign, header: { kid: 'elsewhere' } });
  await make('access forged', { key: foreign });
  await make('access with crit', { header: { crit: ['exp'], exp: 1 } });
  const [header, , signature] = made.get('access alive')?.split('.') ?? [];
  made.set('access made of two', `${header}.${made.get('access expired')?.split('.')[1]}.${signature}`);
  made.set('access cut', made.get('access alive')?.slice(0, -1) ?? '');
  return made;
}

interface MadeAccess {
  payload: Record<string, unknown>;
  header: Record<string, unknown>;
  pair: { expiresAt?: Date } | null;
  key: CryptoKey;
  isActive: boolean;
}

/** Whether a request with this header line, byte for byte, gets data. */
async function isAccepted(port: number, headerLine: string): Promise<boolean> {
  const body = '{"query":"{ me { username } }"}';
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: tessera.test\r\nContent-Type: application/json\r\nConnection: close\r\n` +
      `Content-Length: ${body.length}\r\n${headerLine}\r\n\r\n${body}`,
  );
  const reply = await readAll(socket);
  return /^HTTP\/1\.1 200 /.test(reply) && reply.includes('"data":{"me":{');
}

function keyIn(state: string, secret: string): string {
  return keyOf({ id: ids.get(state) ?? '' }, [secret]);
}

const key = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(...SECRETS))
  .map(([state, secret]) => keyIn(state, secret));

function sessionKeyIn(state: string, secret: string): string {
  return keyOf({ id: sessions.get(state) ?? '' }, [secret], SESSION_USE);
}

const PROOF = 'X-Tessera-CSRF: 1\r\nOrigin: http://localhost:4000';

const sessionKey = fc
  .tuple(fc.constantFrom(...sessions.keys(), 'session alive'), fc.constantFrom(A, B, C))
  .map(([state, secret]) => sessionKeyIn(state, secret));

const access = fc.oneof(
  fc.constantFrom(...accesses.values()),
  fc.constant(accesses.get('access alive') ?? ''),
  fc
    .tuple(fc.constantFrom(...accesses.values()), fc.nat(), fc.constantFrom(...BASE64URL, '.', '='))
    .map(([token, at, other]) => token.slice(0, at % token.length) + other + token.slice((at % token.length) + 1)),
);

const mangled = fc.oneof(
  { weight: 3, arbitrary: key },
  fc.tuple(key, fc.constantFrom(...BASE64URL)).map(([good, last]) => good.slice(0, -1) + last),
  fc
    .tuple(key, fc.nat(46), fc.constantFrom(...BASE64URL, ' ', '=', 'é', '\t', '\u007f', '\0'))
    .map(([good, at, other]) => good.slice(0, at) + other + good.slice(at + 1)),
  fc.tuple(key, fc.integer({ min: 1, max: 46 })).map(([good, length]) => good.slice(0, length)),
  fc.tuple(key, fc.string({ minLength: 1, maxLength: 3 })).map(([good, more]) => good + more),
  key.map((good) => good.replace('tsr_', 'TSR_')),
);

const space = fc.constantFrom('', ' ', '  ', '\t', ' \t ', '\v', '\f');

/** What an operator may paste, and the line that a client would have sent for it. */
const pasted = fc.oneof(
  // Most of what is made up is refused: these are there so that both sides are seen, whatever the seed.
  fc
    .tuple(fc.constantFrom('alive', 'about to expire'), fc.constantFrom(A, B))
    .map(([state, secret]) => keyIn(state, secret))
    .map((text) => ({ text, lineFor: (word: string) => `Authorization: ${word} ${text}` })),
  access.map((text) => ({
    text,
    lineFor: () => `Authorization: ${/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text) ? 'Bearer ' : ''}${text}`,
  })),
  fc
    .tuple(fc.constantFrom('Bearer', 'bearer', 'Token', 'JWT'), access)
    .map(([word, token]) => ({ text: `${word} ${token}`, lineFor: () => `Authorization: ${word} ${token}` })),
  sessionKey.map((text) => ({ text, lineFor: () => `Cookie: tessera-session=${text}\r\n${PROOF}` })),
  fc
    .tuple(fc.constantFrom('tessera-session', '__Host-tessera-session', 'a=b; tessera-session'), sessionKey)
    .map(([name, value]) => `Cookie: ${name}=${value}`)
    .map((text) => ({ text, lineFor: () => `${text}\r\n${PROOF}` })),
  mangled
    .filter((text) => /^tsr_\S*$/i.test(text))
    .map((text) => ({ text, lineFor: (word: string) => `Authorization: ${word} ${text}` })),
  fc
    .tuple(
      fc.constantFrom('Token', 'tOKEN', 'Bearer', 'BEARER', 'ApiKey', 'Basic', 'Digest', ''),
      space,
      space,
      mangled,
      space,
    )
    .map(([word, before, between, text, after]) => `${before}${word}${between || ' '}${text}${after}`)
    .filter((text) => !/^[ \t]*([^ \t]+:|tsr_\S*[ \t]*$)/i.test(text))
    .map((text) => ({ text, lineFor: () => `Authorization: ${text}` })),
  fc
    .tuple(
      fc.constantFrom(
        'Authorization: Token',
        'authorization:Bearer',
        'AUTHORIZATION:  ApiKey',
        'Token:',
        'token:',
        'X-Api-Key:',
      ),
      space,
      mangled,
      space,
    )
    .map(([start, between, text, after]) => `${start}${between}${text}${after}`)
    .map((text) => ({ text, lineFor: () => text })),
  fc
    .string({ unit: 'grapheme' })
    .filter((text) => !/[\r\n]/.test(text) && !/^[ \t]*([^ \t]+:|tsr_\S*[ \t]*$)/i.test(text))
    .map((text) => ({ text, lineFor: () => `Authorization: ${text}` })),
);

describe('an explanation', () => {
  it('says accepted exactly when a real request with that header is accepted', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(pasted, fc.constantFrom(...servers), async ({ text, lineFor }, server) => {
        const explanation = await server.explain(text);
        expect(explanation.isAccepted).toBe(await server.isAccepted(lineFor(server.keyword)));
        expect(explanation.reason === null).toBe(explanation.isAccepted);
        expect(explanation.answer === null).toBe(explanation.isAccepted || explanation.reason === 'unsendable');
        if (explanation.isAccepted) accepted += 1;
      }),
      { numRuns: 800 },
    );
    // Both sides were seen.
    expect(accepted).toBeGreaterThan(10);
  });

  it.each([
    ['alive', true, null],
    ['about to expire', true, null],
    ['expired this very instant', false, 'expired'],
    ['expired', false, 'expired'],
    ['not used for 90 days', false, 'idle'],
    ['used within 90 days', true, null],
    ['as old as a login token may be', false, 'lifetime-over'],
    ['made by hand, and unused for years', true, null],
    ['superseded, both are good', true, null],
    ['superseded, and over', false, 'superseded'],
    ['of an inactive user', false, 'user-inactive'],
    ['never issued', false, 'no-such-token'],
  ])('of a key whose token is %s', async (state, isAccepted, reason) => {
    const explanation = await newAndOld.explain(keyIn(state, A));
    expect(explanation).toMatchObject({ isAccepted, reason, scheme: { challenge: 'Token' }, secretAt: 1 });
    expect(explanation.found?.token.id).toBe(state === 'never issued' ? undefined : ids.get(state));
    expect((await newAndOld.explain(keyIn(state, B))).secretAt).toBe(0);
  });

  const good = keyIn('alive', A);
  const twin = good.slice(0, -1) + BASE64URL[BASE64URL.indexOf(good.at(-1) ?? '') ^ 1];
  it.each<[string, string, Explanation['reason'], string | null]>([
    ['a key cut short', good.slice(0, -1), 'length', 'Token'],
    ['a key with a letter of another script', `${good.slice(0, -1)}é`, 'alphabet', 'Token'],
    ['a key in another spelling', twin, 'spelling', 'Token'],
    ['a key in capitals', good.replace('tsr_', 'TSR_'), 'prefix', 'Token'],
    ['something that is no key', 'Token abc', 'prefix', 'Token'],
    ['a keyword alone', 'Token', 'no-credentials', 'Token'],
    ['an empty Token header', 'Token:', 'no-credentials', 'Token'],
    ['a key with more behind it', `Token ${good} x`, 'spaces', 'Token'],
    ['a key of another server', `Bearer ${keyIn('alive', C)}`, 'foreign-secret', 'Token'],
    ['Basic', 'Basic YTpi', 'no-scheme', null],
    ['another Bearer', 'Authorization: Bearer eyJhbGciOi.x.y', 'no-scheme', null],
    ['nonsense', 'nonsense', 'no-scheme', null],
    ['nothing', '', 'no-scheme', null],
    ['another header', `X-Api-Key: ${good}`, 'no-scheme', null],
    ['two lines', `Token ${good}\nToken ${good}`, 'unsendable', null],
    ['a control character', `Token ${good}\u0007`, 'unsendable', null],
    ['half of a surrogate pair', `Token ${good}\ud800`, 'unsendable', null],
  ])('of %s', async (_case, text, reason, scheme) => {
    const explanation = await keysAlone.explain(text);
    expect(explanation).toMatchObject({ isAccepted: false, reason });
    expect(explanation.scheme?.challenge ?? null).toBe(scheme);
  });

  it.each<[string, Explanation['reason'], Explanation['reason']]>([
    ['access alive', null, null],
    ['access of a pair that ended', null, 'pair-ended'],
    ['access of a pair that is over', null, 'pair-expired'],
    ['access of an inactive user', null, 'user-inactive'],
    ['access expired', 'jwt-expired', 'jwt-expired'],
    ['access of another issuer', 'jwt-issuer', 'jwt-issuer'],
    ['access for another audience', 'jwt-audience', 'jwt-audience'],
    ['access not good yet', 'jwt-early', 'jwt-early'],
    ['access without a scope', 'jwt-claims', 'jwt-claims'],
    ['access of nobody', 'jwt-claims', 'jwt-claims'],
    ['id token', 'jwt-type', 'jwt-type'],
    ['access of another server', 'jwt-key', 'jwt-key'],
    ['access forged', 'jwt-signature', 'jwt-signature'],
    ['access with crit', 'jwt-shape', 'jwt-shape'],
    ['access made of two', 'jwt-signature', 'jwt-signature'],
    ['access cut', 'jwt-shape', 'jwt-shape'],
  ])('of %s: %s, and where it is strict: %s', async (state, reason, reasonWhenStrict) => {
    const token = accesses.get(state) ?? '';
    const scheme = { name: 'jwt' };
    expect(await plain.explain(token)).toMatchObject({ isAccepted: reason === null, reason, scheme });
    expect(await strict.explain(token)).toMatchObject({
      isAccepted: reasonWhenStrict === null,
      reason: reasonWhenStrict,
      scheme,
    });
  });

  it('believes of an access token what its signature proves, and tells what its pair is worth', async () => {
    const ofGone = await plain.explain(accesses.get('access of an inactive user') ?? '');
    expect(ofGone).toMatchObject({ access: { pairFlaw: 'user-inactive' }, found: { user: { isActive: false } } });
    expect(await plain.explain(accesses.get('access expired') ?? '')).toMatchObject({
      access: { pairFlaw: null, signed: { claims: { scopes: ['*'] } } },
      found: { token: { name: 'access expired' } },
    });
    expect(await plain.explain(accesses.get('access of another issuer') ?? '')).toMatchObject({
      access: { said: { issuer: 'https://elsewhere.example' } },
    });
    for (const state of ['access forged', 'access of another server', 'access made of two']) {
      world.queries.length = 0;
      const { access, found } = await plain.explain(accesses.get(state) ?? '');
      expect({ signed: access?.signed, found, queries: world.queries }).toEqual({
        signed: null,
        found: null,
        queries: [],
      });
    }
  });

  it('shows no row that is no pair of its user, whatever an access token says', async () => {
    const { signingKeys } = world;
    if (!signingKeys) throw new Error('There are no keys.');
    const { user } = await world.makeUser();
    const prepared = await world.accessTokens?.prepare(clock.now);
    const issue = (pairId: string) => {
      const { id: userId, username, isStaff, isSuperuser } = user;
      const claims = { userId, pairId, username, isStaff, isSuperuser, scopes: ['*'] };
      return prepared?.(claims);
    };
    const { id: anothers } = await database.token.findFirstOrThrow({ where: { name: 'access alive' } });
    for (const pairId of [anothers, ids.get('alive') ?? '']) {
      const explanation = await plain.explain((await issue(pairId))?.token ?? '');
      expect(explanation).toMatchObject({ isAccepted: true, found: null, access: { pairFlaw: 'pair-ended' } });
    }
  });

  it.each<[string, Explanation['reason']]>([
    ['session alive', null],
    ['session not used for 7 days', 'idle'],
    ['session of 30 days', 'lifetime-over'],
    ['session of an inactive user', 'user-inactive'],
    ['session that ended', 'no-such-token'],
  ])('of a cookie of a %s', async (state, reason) => {
    const explanation = await plain.explain(sessionKeyIn(state, A));
    expect(explanation).toMatchObject({ isAccepted: reason === null, reason, scheme: { name: 'session' } });
    expect(explanation.answer?.code).toBe(reason === null ? undefined : 'UNAUTHENTICATED');
  });

  it.each<[string, string, Explanation['reason']]>([
    ['of another secret', sessionKeyIn('session alive', C), 'foreign-secret'],
    ['with a key of a token', `Cookie: tessera-session=${keyIn('alive', A)}`, 'prefix'],
    ['twice', `Cookie: tessera-session=x; tessera-session=${sessionKeyIn('session alive', A)}`, 'prefix'],
    ['of another name', 'Cookie: other=x', 'no-scheme'],
  ])('of a cookie %s', async (_case, text, reason) => {
    expect(await plain.explain(text)).toMatchObject({ isAccepted: false, reason });
  });

  it('of a refresh token says what it is for, and whose', async () => {
    const pair = await database.token.findFirstOrThrow({ where: { name: 'access alive' } });
    const refreshToken = refreshKeyOf({ pairId: pair.id, refreshCount: 0 }, [A]);
    const forged = refreshKeyOf({ pairId: pair.id, refreshCount: 0 }, [C]);
    for (const text of [refreshToken, `Bearer ${refreshToken}`, `Authorization: Token ${refreshToken}`]) {
      expect(await plain.explain(text)).toMatchObject({
        isAccepted: false,
        reason: 'refresh-token',
        found: { token: { id: pair.id } },
      });
    }
    expect(await plain.explain(forged)).toMatchObject({ reason: 'refresh-token', found: null });
  });

  it('of what tells no more of itself says that it is refused', async () => {
    expect(await strict.explain(`Basic ${btoa('ada:wrong')}`)).toMatchObject({
      isAccepted: false,
      reason: 'refused',
      answer: { status: 401, message: 'Invalid username/password.' },
      scheme: { name: 'basic' },
    });
  });

  it('finds the token of a key that is not proved, and says by what', async () => {
    expect(await newAndOld.explain(keyIn('alive', C))).toMatchObject({
      secretAt: null,
      found: { token: { id: ids.get('alive') } },
      answer: { status: 401, code: 'AUTHENTICATION_FAILED', message: 'Invalid token.' },
    });
  });

  it('looks a token up once', async () => {
    world.queries.length = 0;
    await newAndOld.explain(good);
    expect(world.queries).toHaveLength(1);
  });
});
