import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeGlobalID } from '@pothos/plugin-relay';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keyOf, SESSION_USE } from '../../src/auth/key.ts';
import { tessera } from '../program.ts';
import { openWorld, PASSWORD, TOKEN_SECRET } from '../world.ts';

const world = await openWorld();
const NEW = 'Zr4u7xA2DfG9jL1mQpS5vWyB8cEhKnT0';

function explain(words: string[], input = '', env: Record<string, string> = world.env) {
  return tessera(['explain', ...words], env, input);
}

async function makePair(username: string) {
  const { user } = await world.makeUser(username);
  const { body } = await world.request(
    `mutation { obtainTokenPair(input: { username: "${username}", password: "${PASSWORD}" }) { ... on TokenPair { access refresh } } }`,
  );
  const pair = await world.database.token.findFirstOrThrow({ where: { userId: user.id, kind: 'REFRESH' } });
  return { user, pair, ...(body.data.obtainTokenPair as { access: string; refresh: string }) };
}

describe('tessera explain', () => {
  it('tells all about a token whose key is accepted, and never the key', async () => {
    const { user, token, key } = await world.makeUser('ada');
    const expiry = new Date(token.createdAt.getTime() + 90 * 86_400_000).toISOString();
    const told = {
      code: 0,
      stdout: [
        'Accepted.',
        '  Scheme      Token',
        '  Secret      the one there is',
        `  Token       ${encodeGlobalID('Token', token.id)}`,
        '  Name        default',
        '  Kind        LOGIN',
        '  User        ada',
        `  Created     ${token.createdAt.toISOString()}`,
        `  Expires     ${expiry}`,
        '  Last used   never',
        '',
      ].join('\n'),
      stderr: '',
    };
    expect(await explain([key])).toEqual(told);
    expect(await explain(['Authorization:', 'Bearer', key])).toEqual(told);
    expect(await explain(['-'], `${key}\r\n`)).toEqual(told);
    const { stdout } = await explain(['--json'], key);
    expect(JSON.parse(stdout)).toEqual({
      isAccepted: true,
      scheme: 'Token',
      reason: null,
      message: null,
      answer: null,
      secret: { place: 1, of: 1 },
      isProved: true,
      access: null,
      token: {
        id: encodeGlobalID('Token', token.id),
        name: 'default',
        kind: 'LOGIN',
        createdAt: token.createdAt.toISOString(),
        expiresAt: expiry,
        lastUsedAt: null,
        supersededAt: null,
      },
      user: { id: encodeGlobalID('User', user.id), username: 'ada', isActive: true },
    });
    expect(stdout + told.stdout).not.toContain('tsr_');
  });

  it('tells by which secret of the list a key was derived', async () => {
    const { key } = await world.makeUser();
    const { code, stdout } = await explain([key], '', { ...world.env, TOKEN_SECRETS: `${NEW},${TOKEN_SECRET}` });
    expect({ code, secret: /Secret {6}(.*)/.exec(stdout)?.[1] }).toEqual({
      code: 0,
      secret: 'number 2 of 2, an older one: log in again for a key of the newest',
    });
  });

  it('tells when and why a token stopped being accepted', async () => {
    const { user, token, key } = await world.makeUser('bob');
    const at = new Date('2020-01-02T03:04:05.678Z');
    await world.database.token.update({ where: { id: token.id }, data: { expiresAt: at, supersededAt: at } });
    await world.database.user.update({ where: { id: user.id }, data: { isActive: false } });
    expect(await explain([], key)).toEqual({
      code: 1,
      stdout: [
        'Not accepted. Its token was superseded by another of the same name, and the time for both is over.',
        '  Scheme      Token',
        '  Answer      401 AUTHENTICATION_FAILED: Invalid token.',
        '  Secret      the one there is',
        `  Token       ${encodeGlobalID('Token', token.id)}`,
        '  Name        default',
        '  Kind        LOGIN',
        '  User        bob (inactive)',
        `  Created     ${token.createdAt.toISOString()}`,
        '  Expires     2020-01-02T03:04:05.678Z',
        '  Last used   never',
        '  Superseded  2020-01-02T03:04:05.678Z',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it.each([
    [{}, 'not having been used for 90d (TOKEN_IDLE_LIFETIME)', 'idle', 90],
    [{ TOKEN_LIFETIME: '36h' }, '36h after it was made (TOKEN_LIFETIME)', 'lifetime-over', 1.5],
  ])('tells which lifetime of login tokens is over, and since when: %j', async (env, words, reason, days) => {
    const { token, key } = await world.makeUser();
    const createdAt = new Date('2020-01-02T03:04:05.678Z');
    await world.database.token.update({ where: { id: token.id }, data: { createdAt } });
    const expiry = new Date(createdAt.getTime() + days * 86_400_000).toISOString();
    const message = `Its token expired at ${expiry}, ${words}. Log in again.`;
    const { code, stdout } = await explain([], key, { ...world.env, ...env });
    expect({ code, lines: stdout.split('\n') }).toMatchObject({
      code: 1,
      lines: expect.arrayContaining([`Not accepted. ${message}`, `  Expires     ${expiry}`]),
    });
    const { stdout: json } = await explain(['--json'], key, { ...world.env, ...env });
    expect(JSON.parse(json)).toMatchObject({ isAccepted: false, reason, message, token: { expiresAt: expiry } });
  });

  it('shows the token of a key under a secret that is not listed, as unproved', async () => {
    const { token } = await world.makeUser();
    const { code, stdout } = await explain([keyOf(token, [NEW])]);
    expect(code).toBe(1);
    expect(stdout.split('\n').slice(0, 5)).toEqual([
      'Not accepted. It was derived from no secret of this server: forged, mistyped, or made under a secret that is not listed.',
      'The id in it is that of the token below, which proves nothing: ids are no secret.',
      '  Scheme      Token',
      '  Answer      401 AUTHENTICATION_FAILED: Invalid token.',
      `  Token       ${encodeGlobalID('Token', token.id)}`,
    ]);
  });

  it('needs no database for what is refused by arithmetic', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-explain-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const env = { DATABASE_URL: 'postgresql://127.0.0.1:1/x', TOKEN_SECRETS: NEW };
    expect(await explain(['Token tsr_abc'], '', env)).toEqual({
      code: 1,
      stdout: [
        'Not accepted. It is malformed: a key has 43 characters after tsr_. Was it cut, or lengthened?',
        '  Scheme      Token',
        '  Answer      401 AUTHENTICATION_FAILED: Invalid token.',
        '',
      ].join('\n'),
      stderr: '',
    });
    expect(await explain(['Basic YTpi'], '', env)).toEqual({
      code: 1,
      stdout: [
        'Not accepted. No scheme of this server reads it, so the request counts as one without credentials.',
        '  Answer      401 UNAUTHENTICATED: Authentication credentials were not provided.',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it.each([
    ['two lines', 'Token a\nToken b'],
    ['more than a request can carry', `Token ${'x'.repeat(100_000)}`],
  ])('says that no request can carry %s', async (_case, input) => {
    expect(await explain([], input)).toEqual({
      code: 1,
      stdout:
        'Not accepted. No request can carry it: it has a line break or another control character, or is too long.\n',
      stderr: '',
    });
  });

  it('says in one line what keeps it from knowing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-explain-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const key = keyOf({ id: crypto.randomUUID() }, [NEW]);
    expect(await explain([key], '', { DATA_DIR: folder, TOKEN_SECRETS: NEW })).toEqual({
      code: 1,
      stdout: '',
      stderr: `There is no database in DATA_DIR ${folder} yet. Start the server once.\n`,
    });
    expect(await explain([key], '', { DATA_DIR: folder })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'There is no secret yet, so there are no keys: TOKEN_SECRETS is not set, and no server has started. Start the server once, or set TOKEN_SECRETS.\n',
    });
    expect(await explain([key], '', { ...world.env, TOKEN_SECRETS: NEW })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^TOKEN_SECRETS .* is not what this database’s keys were derived from\. [^\n]*\n$/),
    });
  });

  it('tells all about an access token that is accepted, and that its pair has ended since', async () => {
    const { user, pair, access } = await makePair('grace');
    const instants = [pair.createdAt, pair.expiresAt].map((instant) => instant?.toISOString());
    const { iat = 0, exp = 0 } = decodeJwt(access);
    const [issuedAt, expiresAt] = [iat, exp].map((seconds) => new Date(seconds * 1000).toISOString());
    const { kid } = decodeProtectedHeader(access);
    const signed = [
      `  Signed by   ${kid}`,
      `  Issued      ${issuedAt}`,
      `  Good until  ${expiresAt}`,
      '  Scopes      *',
      '',
    ];
    const told = [
      'Accepted.',
      '  Scheme      Bearer realm="api"',
      `  Token       ${encodeGlobalID('Token', pair.id)}`,
      `  Name        ${pair.name}`,
      '  Kind        REFRESH',
      '  User        grace',
      `  Created     ${instants[0]}`,
      `  Expires     ${instants[1]}`,
      '  Last used   never',
      ...signed,
    ].join('\n');
    expect(await explain([access])).toEqual({ code: 0, stdout: told, stderr: '' });
    const { stdout: json } = await explain(['--json'], access);
    expect(JSON.parse(json)).toMatchObject({
      isProved: true,
      access: {
        keyId: kid,
        issuer: 'http://localhost:4000',
        audience: 'http://localhost:4000',
        issuedAt,
        expiresAt,
        scopes: ['*'],
        pairFlaw: null,
      },
      token: { kind: 'REFRESH' },
      user: { id: encodeGlobalID('User', user.id) },
    });
    expect(json + told).not.toContain(access.split('.')[2]);
  });

  it('tells that the pair of an access token has ended, and whether that counts here', async () => {
    const { pair, access } = await makePair('emmy');
    const { kid } = decodeProtectedHeader(access);
    await world.database.token.delete({ where: { id: pair.id } });
    const accepted = await explain([], access);
    expect(accepted.stdout.split('\n').slice(0, 4)).toEqual([
      'Accepted.',
      'Its pair has ended: it was revoked, or its user deleted. JWT_CHECK is signature, which does not ask: it is good until it expires.',
      '  Scheme      Bearer realm="api"',
      `  Signed by   ${kid}`,
    ]);
    const refused = await explain([], access, { ...world.env, JWT_CHECK: 'strict' });
    expect(refused.stdout.split('\n').slice(0, 4)).toEqual([
      'Not accepted. Its pair has ended: it was revoked, or its user deleted.',
      '  Scheme      Bearer realm="api"',
      '  Answer      401 AUTHENTICATION_FAILED: Given token not valid for any token type',
      `  Signed by   ${kid}`,
    ]);
    expect([accepted.code, refused.code]).toEqual([0, 1]);
  });

  it('names the issuers that differ, and nothing that could steer a terminal', async () => {
    const { access } = await makePair('hopper');
    const { stdout } = await explain([access], '', { ...world.env, JWT_ISSUER: 'https://id.example\u001b' });
    expect(stdout.split('\n')[0]).toBe(
      'Not accepted. Its issuer is http://localhost:4000, and here it is https://id.example\\u{1b} (JWT_ISSUER, or PUBLIC_URL).',
    );
  });

  it('tells of a cookie, and for what a refresh token is', async () => {
    const { user } = await world.makeUser('lovelace');
    const { id } = await world.database.token.create({
      data: { id: crypto.randomUUID(), userId: user.id, name: 'browser', kind: 'SESSION' },
    });
    const cookie = keyOf({ id }, [TOKEN_SECRET], SESSION_USE);
    const accepted = await explain([], cookie);
    expect(accepted).toMatchObject({ code: 0, stdout: expect.stringContaining('Scheme      Session realm="api"') });
    await world.database.token.update({ where: { id }, data: { createdAt: new Date('2020-01-01T00:00:00Z') } });
    expect(await explain([`Cookie: tessera-session=${cookie}`])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^Not accepted\. Its token expired at 2020-01-08T00:00:00\.000Z, not having been used for 7d \(SESSION_IDLE_LIFETIME\)\./,
      ),
    });
    const { pair, refresh } = await makePair('noether');
    const ofRefresh = await explain([], refresh);
    expect(ofRefresh.code).toBe(1);
    expect(ofRefresh.stdout.split('\n').slice(0, 3)).toEqual([
      'Not accepted. It is a refresh token: refreshTokenPair takes it, and no request is let in by it.',
      '  Answer      401 UNAUTHENTICATED: Authentication credentials were not provided.',
      `  Token       ${encodeGlobalID('Token', pair.id)}`,
    ]);
    for (const { stdout } of [accepted, ofRefresh]) expect(stdout).not.toMatch(/tsr[rs]_/);
  });

  it('feeds a terminal nothing that the database holds and that would steer it', async () => {
    const { token, key } = await world.makeUser();
    await world.database.token.update({ where: { id: token.id }, data: { name: '\u001b[2J\u202e' } });
    expect((await explain([], key)).stdout).toContain('  Name        \\u{1b}[2J\\u{202e}\n');
  });
});
