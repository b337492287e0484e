import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createRemoteJWKSet, type JWK, jwtVerify } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { fingerprintOf, type TokenSecrets } from '../src/auth/key.ts';
import { seal, unseal } from '../src/auth/sealed-key.ts';
import { makeSigningJwk } from '../src/auth/signing-keys.ts';
import { readConfiguredKeys } from '../src/configured-keys.ts';
import { hearNothing } from '../src/database/changes.ts';
import { NOBODY } from '../src/database/origin.ts';
import { findKeptKeys, rotateSigningKey } from '../src/database/signing-keys.ts';
import { listen } from '../src/http/server.ts';
import { openKeptKeys, PUBLISHED_AHEAD_SECONDS } from '../src/kept-keys.ts';
import { openWorld, PASSWORD } from './world.ts';

const world = await openWorld();
const { database, clock, request, makeUser } = world;
const SECRET = 's'.repeat(32);
const log = pino({ level: 'silent' });
const MINUTE = 60_000;

function pem(type: 'ed25519' | 'ec' | 'rsa', bits = 2_048, publicExponent = 65_537): string {
  const options = { namedCurve: 'P-256', modulusLength: bits, publicExponent };
  const { privateKey } = generateKeyPairSync(type as 'rsa', options as never);
  return (privateKey as never as { export(o: object): string }).export({ type: 'pkcs8', format: 'pem' });
}

function jwkOf(pemText: string): JWK {
  return createPrivateKey(pemText).export({ format: 'jwk' }) as JWK;
}

describe('a sealed key', () => {
  it('opens under its own name and secret alone, and not when a byte of it is another', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (text, name, at) => {
        const sealed = seal(text, name, SECRET);
        expect(unseal(sealed, name, SECRET)).toBe(text);
        expect(unseal(sealed, `${name}x`, SECRET)).toBeNull();
        expect(unseal(sealed, name, 'o'.repeat(32))).toBeNull();
        const bytes = Buffer.from(sealed.slice(3), 'base64url');
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 1;
        expect(unseal(`v1.${bytes.toString('base64url')}`, name, SECRET)).toBeNull();
      }),
      { numRuns: 50 },
    );
    for (const odd of ['', 'v1.', 'v2.AAAA', 'v1.AA.AA', seal('x', 'n', SECRET).replace('v1', 'v2')]) {
      expect(unseal(odd, 'n', SECRET)).toBeNull();
    }
  });
});

describe('JWT_KEYS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-keys-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('takes PEM files and JWK sets: the first signs with its own algorithm, all are published without a private half', async () => {
    const files = [file('ec.pem', pem('ec')), file('ed.pem', pem('ed25519')), file('rsa.pem', pem('rsa'))];
    const keys = await readConfiguredKeys(files.join(', '));
    const published = await keys.published(new Date());
    expect(published.map(({ alg, use }) => ({ alg, use }))).toEqual([
      { alg: 'ES256', use: 'sig' },
      { alg: 'EdDSA', use: 'sig' },
      { alg: 'RS256', use: 'sig' },
    ]);
    expect(JSON.stringify(published)).not.toMatch(/"(d|p|q|dp|dq|qi)":/);
    expect((await keys.signer(new Date())).algorithm).toBe('ES256');
    const jwk = await makeSigningJwk();
    const set = await readConfiguredKeys(JSON.stringify({ keys: [{ ...jwk, kid: 'mine' }] }));
    expect((await set.signer(new Date())).id).toBe('mine');
  });

  it.each([
    ['a file that is not there', async () => join(folder, 'none.pem'), /^JWT_KEYS: file 1 cannot be read \(ENOENT\)/],
    ['a key in place of its file', async () => pem('ed25519'), /^JWT_KEYS: file 1 cannot be read \(ENOENT\)/],
    [
      'an encoded key in place of its file',
      async () => btoa(JSON.stringify(await makeSigningJwk())),
      /^JWT_KEYS: file 1 cannot be read \(EN/,
    ],
    ['what is no key', async () => file('odd.pem', 'nonsense'), /is no key that can be read/],
    ['what is no JSON', async () => '{nonsense', /must be JSON/],
    ['a shared secret', async () => JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' }), /is no key that can be read/],
    ['two keys in one file', async () => file('two.pem', pem('ec') + pem('ed25519')), /must hold one key/],
    [
      'halves of two keys',
      async () => {
        const [one, other] = [jwkOf(pem('ec')), jwkOf(pem('ec'))];
        return JSON.stringify({ ...one, d: other.d });
      },
      /must be one key|is no key that can be read/,
    ],
    [
      'an RSA key with a small exponent',
      async () => file('three.pem', pem('rsa', 2_048, 3)),
      /exponent of at least 65537/,
    ],
    ['a weak RSA key', async () => file('weak.pem', pem('rsa', 1_024)), /RSA of at least 2048 bits/],
    [
      'public halves alone',
      async () => JSON.stringify({ ...(await makeSigningJwk()), d: undefined }),
      /has a private half/,
    ],
    [
      'one kid twice',
      async () => {
        const jwk = await makeSigningJwk();
        return JSON.stringify({ keys: [jwk, jwk] });
      },
      /two have the same kid/,
    ],
    [
      'a key for another algorithm',
      async () => JSON.stringify({ ...(await makeSigningJwk()), alg: 'HS256' }),
      /must be for EdDSA/,
    ],
    ['no keys', async () => '{"keys":[]}', /must begin with a key/],
  ])('refuses %s, and shows nothing of it', async (_what, make, message) => {
    const given = await make();
    const error = await readConfiguredKeys(given).catch((refusal: Error) => refusal);
    expect(error).toMatchObject({ name: 'OperatorError', message: expect.stringMatching(message) });
    if (!given.includes(folder)) expect((error as Error).message).not.toContain(given.slice(0, 40));
    if (given.includes('"d"')) expect((error as Error).message).not.toContain(JSON.parse(given).d ?? '"d"');
  });
});

async function nodeWith(secrets: TokenSecrets, changes = world.changes, told = log) {
  const node = await openKeptKeys({
    database,
    tokenSecrets: secrets,
    changes,
    accessLifetimeSeconds: 300,
    log: told,
    now: () => clock.now,
  });
  onTestFinished(() => node.close());
  return node;
}

describe('keys that are kept', () => {
  const rotate = (options: { ahead?: number; dropped?: 'all' | string[] } = {}) =>
    rotateSigningKey(database, [SECRET], {
      now: clock.now,
      signsFrom: new Date(clock.now.getTime() + (options.ahead ?? 0) * 1_000),
      dropped: options.dropped ?? [],
      origin: NOBODY,
    });

  it('are made once, whoever starts, and stored so that the database alone opens none', async () => {
    await database.signingKey.deleteMany();
    const nodes = await Promise.all(Array.from({ length: 4 }, () => nodeWith([SECRET])));
    const ids = await Promise.all(nodes.map(async (node) => (await node.signer(clock.now)).id));
    expect(new Set(ids).size).toBe(1);
    const rows = await database.signingKey.findMany();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('"d":');
    expect((await findKeptKeys(database, ['o'.repeat(32)]))[0]?.privateKey).toBeNull();
  });

  it('are sealed anew at start when the newest secret is another, and made anew when none opens them', async () => {
    await database.signingKey.deleteMany();
    const before = (await (await nodeWith([SECRET])).signer(clock.now)).id;
    const NEW = 'n'.repeat(32);
    expect((await (await nodeWith([NEW, SECRET])).signer(clock.now)).id).toBe(before);
    expect((await database.signingKey.findFirstOrThrow()).sealedWith).toBe(fingerprintOf(NEW));
    expect((await (await nodeWith([NEW])).signer(clock.now)).id).toBe(before);
    clock.now = new Date(clock.now.getTime() + 1_000);
    const node = await nodeWith([SECRET]);
    expect((await node.signer(clock.now)).id).not.toBe(before);
    expect(await node.find(before, clock.now)).toMatchObject({ id: before, privateKey: null });
  });

  it('go on signing on a server that has not yet the secret under which another has sealed them anew', async () => {
    await database.signingKey.deleteMany();
    const NEW = 'n'.repeat(32);
    const old = await nodeWith([SECRET]);
    const { id } = await old.signer(clock.now);
    await nodeWith([NEW, SECRET]);
    const made = await rotateSigningKey(database, [NEW, SECRET], {
      now: clock.now,
      signsFrom: new Date(clock.now.getTime() + 10 * MINUTE),
      dropped: [],
      origin: NOBODY,
    });
    await world.changes.settle();
    // It has read what it cannot open.
    await expect.poll(() => old.find(made, clock.now)).toMatchObject({ id: made, privateKey: null });
    expect((await old.signer(clock.now)).id).toBe(id);
  });

  it('are neither locked nor written by a start that has nothing to do', async () => {
    await database.signingKey.deleteMany();
    await nodeWith([SECRET]);
    world.queries.length = 0;
    await nodeWith([SECRET]);
    expect(world.queries.every((sql) => sql.startsWith('SELECT'))).toBe(true);
    expect(world.queries.length).toBeLessThan(3);
  });

  it('are published before they sign, and listed until what they have signed has expired', async () => {
    await database.signingKey.deleteMany();
    const node = await nodeWith([SECRET]);
    const first = (await node.signer(clock.now)).id;
    const next = await rotate({ ahead: PUBLISHED_AHEAD_SECONDS });
    await world.changes.settle();
    const idsAt = async (at: Date) => (await node.published(at)).map(({ kid }) => kid);
    await expect.poll(() => idsAt(clock.now)).toEqual([first, next]);
    expect((await node.signer(clock.now)).id).toBe(first);
    const from = clock.now.getTime() + 10 * MINUTE;
    expect((await node.signer(new Date(from))).id).toBe(next);
    expect(await idsAt(new Date(from + 6 * MINUTE - 1))).toEqual([first, next]);
    expect(await idsAt(new Date(from + 6 * MINUTE))).toEqual([next]);
    expect(await node.find(first, new Date(from + 6 * MINUTE))).toBeNull();
  });

  it('are known on another node at once, which hears of nothing, when a token of theirs comes', async () => {
    await database.signingKey.deleteMany();
    const deaf = await nodeWith([SECRET], hearNothing());
    await sleep(1_050);
    const made = await rotate();
    expect(await deaf.find(made, clock.now)).toMatchObject({ id: made });
  });

  it('are not looked for at the will of whoever makes ids up', async () => {
    const node = await nodeWith([SECRET]);
    await node.find('made up 0', clock.now);
    world.queries.length = 0;
    for (let n = 1; n < 50; n++) expect(await node.find(`made up ${n}`, clock.now)).toBeNull();
    expect(world.queries.length).toBeLessThan(2);
  });

  it('are looked at again by a server that hears of nothing, as soon as it uses one', async () => {
    await database.signingKey.deleteMany();
    const deaf = await nodeWith([SECRET], hearNothing());
    const { id } = await deaf.signer(clock.now);
    clock.now = new Date(clock.now.getTime() + MINUTE);
    const made = await rotate({ dropped: 'all' });
    await sleep(1_050);
    await expect.poll(() => deaf.find(id, clock.now)).toBeNull();
    expect((await deaf.signer(clock.now)).id).toBe(made);
  });

  it('sign no longer than they count: what cannot be opened is told, and refused in place of what nobody takes', async () => {
    await database.signingKey.deleteMany();
    const lines: string[] = [];
    const NEW = 'n'.repeat(32);
    const old = await nodeWith([SECRET], world.changes, pino({}, { write: (line: string) => lines.push(line) }));
    const signsFrom = new Date(clock.now.getTime() + 10 * MINUTE);
    const made = await rotateSigningKey(database, [NEW, SECRET], {
      now: clock.now,
      signsFrom,
      dropped: [],
      origin: NOBODY,
    });
    await world.changes.settle();
    await expect.poll(() => old.find(made, clock.now)).not.toBeNull();
    expect(lines.join()).toContain(`"kid":"${made}"`);
    await old.signer(new Date(signsFrom.getTime() + 6 * MINUTE - 1));
    await expect((async () => old.signer(new Date(signsFrom.getTime() + 6 * MINUTE)))()).rejects.toThrow(
      /No key that access tokens are signed with can be opened/,
    );
  });

  it('made where none can be opened are not ended by one that was to sign next', async () => {
    await database.signingKey.deleteMany();
    const NEW = 'n'.repeat(32);
    await nodeWith([SECRET]);
    const signsFrom = new Date(clock.now.getTime() + 10 * MINUTE);
    await rotateSigningKey(database, [SECRET], { now: clock.now, signsFrom, dropped: [], origin: NOBODY });
    // Later than the first, or chance would say which of the two is the newer.
    clock.now = new Date(clock.now.getTime() + MINUTE);
    const node = await nodeWith([NEW]);
    const { id } = await node.signer(clock.now);
    expect((await node.signer(new Date(signsFrom.getTime() + 60 * MINUTE))).id).toBe(id);
  });

  it('are good nowhere once they are revoked', async () => {
    await database.signingKey.deleteMany();
    const node = await nodeWith([SECRET]);
    const first = (await node.signer(clock.now)).id;
    clock.now = new Date(clock.now.getTime() + MINUTE);
    const made = await rotate({ dropped: 'all' });
    await world.changes.settle();
    await expect.poll(() => node.find(first, clock.now)).toBeNull();
    expect((await node.signer(clock.now)).id).toBe(made);
  });
});

describe('/.well-known/jwks.json', () => {
  const URL = 'http://tessera.test/.well-known/jwks.json';

  beforeAll(async () => {
    const made = { now: clock.now, signsFrom: clock.now, dropped: 'all' as const, origin: NOBODY };
    const id = await rotateSigningKey(database, world.tokenSecrets, made);
    while (!(await world.signingKeys?.find(id, clock.now))) await sleep(5);
  });

  it('is for caches, and has no private half', async () => {
    const response = await world.endpoint.fetch(URL);
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('vary')).toBeNull();
    expect(JSON.parse(text).keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' });
    expect(text).not.toMatch(/"d":/);
    const etag = response.headers.get('etag') ?? '';
    expect((await world.endpoint.fetch(URL, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await world.endpoint.fetch(URL, { method: 'HEAD' })).status).toBe(200);
    expect((await world.endpoint.fetch(URL, { method: 'POST' })).status).toBe(405);
    expect((await world.endpointWith({ AUTHENTICATION: 'token' }).fetch(URL)).status).toBe(404);
  });

  it('is all that another service needs to verify access tokens', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 0 });
    server.serve(world.endpoint, async () => true);
    onTestFinished(() => server.close());
    const { user } = await makeUser();
    const { body } = await request(
      `mutation { obtainTokenPair(input: { username: "${user.username}", password: "${PASSWORD}" }) { ... on TokenPair { access } } }`,
    );
    const jwks = createRemoteJWKSet(new globalThis.URL(`${server.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(body.data.obtainTokenPair.access, jwks, {
      typ: 'at+jwt',
      algorithms: ['EdDSA'],
      issuer: 'http://localhost:4000',
      audience: 'http://localhost:4000',
      currentDate: clock.now,
    });
    expect(payload).toMatchObject({ username: user.username, scope: '*' });
  });
});
