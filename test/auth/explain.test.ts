import { connect } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { findViewer } from '../../src/accounts/viewers.ts';
import { type Explanation, explainCredential } from '../../src/auth/explain.ts';
import { keyOf, newTokenId, type TokenSecrets } from '../../src/auth/key.ts';
import { readSentHeader } from '../../src/auth/sent-credential.ts';
import { readConfig } from '../../src/config.ts';
import { listen } from '../../src/http/server.ts';
import { createSchemes, tokenSchemeOptions } from '../../src/schemes.ts';
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
const names = [...ids.keys()];

/** A server with these secrets and this keyword, listening, and what its command line would explain. */
async function startWith(tokenSecrets: TokenSecrets, keyword: string) {
  const { config, secrets } = readConfig({ ...world.env, TOKEN_KEYWORD: keyword, TOKEN_LIFETIME: '400d' });
  const log = pino({ level: 'silent' });
  const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 0 });
  server.serve(
    createEndpoint(
      config,
      secrets,
      { database, tokenSecrets, changes: world.changes, lastUsed: world.lastUsed },
      log,
      () => clock.now,
    ),
    async () => true,
  );
  afterAll(() => server.close());
  const parts = {
    tokenSecrets,
    accessTokens: null,
    prove: async () => null,
    findViewer: (id: string) => findViewer(database, id),
    now: () => clock.now,
  };
  return {
    keyword,
    explain: (text: string) =>
      explainCredential(
        readSentHeader(text, keyword),
        (findOnce) => createSchemes(config, { ...parts, findViewer: findOnce }),
        tokenSchemeOptions(config, parts),
      ),
    isAccepted: (headerLine: string) => isAccepted(Number(new URL(server.url).port), headerLine),
  };
}

const servers = await Promise.all([
  startWith([A], 'Token'),
  startWith([B, A], 'Token'),
  startWith([C, B, A], 'ApiKey'),
  startWith([B], 'Bearer'),
]);
const [, newAndOld] = servers;

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
      { numRuns: 500 },
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
    expect(explanation).toMatchObject({ isAccepted, reason, scheme: 'Token', secretAt: 1 });
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
    expect(await newAndOld.explain(text)).toMatchObject({ isAccepted: false, reason, scheme });
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
