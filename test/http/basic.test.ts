import { request as requestHttp } from 'node:http';
import bcrypt from 'bcrypt';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { newUserSchema } from '../../src/accounts/new-user.ts';
import { createUser } from '../../src/accounts/users.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { startServer, tessera } from '../program.ts';
import { recordSecret } from '../recorder.ts';
import { databaseOfItsOwn, openWorld, PASSWORD } from '../world.ts';
import { HEAR, lastError } from './hear.ts';

const world = await openWorld({ AUTHENTICATION: 'token,basic', PUBLIC_URL: 'https://tessera.test' });
const { database, makeUser } = world;
beforeEach(() => {
  world.clock.now = new Date();
});

const ME = '{ me { username } currentToken { id } }';
const CHALLENGE = 'Basic realm="api"';

function basic(username: string, password: string, encoding: BufferEncoding = 'utf8'): string {
  const credentials = Buffer.from(`${username}:${password}`, encoding).toString('base64');
  recordSecret(credentials);
  return `Basic ${credentials}`;
}

/** As over TLS, unless the headers say otherwise. */
async function ask(authorization: string, { query = ME, to = world.endpoint, ...headers }: Asked = {}) {
  const response = await to.fetch('https://tessera.test/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization, ...headers } as Record<string, string>,
    body: JSON.stringify({ query }),
  });
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: await response.json() };
}

interface Asked {
  query?: string;
  to?: typeof world.endpoint;
  [header: string]: unknown;
}

function signedIn(username: string) {
  return { status: 200, challenge: null, body: { data: { me: { username }, currentToken: null } } };
}

function refused(message: string, challenge = CHALLENGE) {
  return { status: 401, challenge, body: { errors: [{ message, extensions: { code: 'AUTHENTICATION_FAILED' } }] } };
}

const WRONG = refused('Invalid username/password.');
const NOT_PRIVATE = refused('A password must not be sent over plain HTTP. Use https.');
const NOT_BASE64 = refused('Invalid basic header. Credentials not correctly base64 encoded.');

describe('Basic', () => {
  it('knows the caller by username and password, who has no token then', async () => {
    const { user } = await makeUser();
    const header = basic(user.username, PASSWORD);
    expect(await ask(header)).toEqual(signedIn(user.username));
    expect(await ask(header.replace('Basic ', ' bAsIC \t '))).toEqual(signedIn(user.username));
  });

  it.each([
    ['a form of another site', { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }],
    ['a page that hides where it is from', { origin: 'null' }],
    ['a link of another site', { 'sec-fetch-site': 'cross-site' }],
    ['an image of another port', { 'sec-fetch-site': 'same-site' }],
  ])('is not taken from a browser that has it sent by %s', async (_what, headers) => {
    const { user } = await makeUser();
    const compared = vi.spyOn(bcrypt, 'compare');
    onTestFinished(() => compared.mockRestore());
    const { status, body } = await ask(basic(user.username, PASSWORD), headers);
    expect({ status, code: body.errors[0].extensions.code, message: body.errors[0].message }).toEqual({
      status: 403,
      code: 'FORBIDDEN',
      message: expect.stringMatching(/^CSRF Failed: Origin checking failed - /),
    });
    expect(compared).not.toHaveBeenCalled();
  });

  it.each([
    ['a page of its own', { origin: 'https://tessera.test', 'sec-fetch-site': 'same-origin' }],
    ['a link of its own', { 'sec-fetch-site': 'same-origin' }],
    ['its address line', { 'sec-fetch-site': 'none' }],
  ])('is taken from %s', async (_what, headers) => {
    const { user } = await makeUser();
    expect(await ask(basic(user.username, PASSWORD), headers)).toEqual(signedIn(user.username));
  });

  it('notes no login, and changes no hash', async () => {
    const { user } = await makeUser();
    await ask(basic(user.username, PASSWORD));
    expect(await database.user.findUniqueOrThrow({ where: { id: user.id } })).toEqual(user);
  });

  it('is off unless AUTHENTICATION names it', async () => {
    const { user } = await makeUser();
    const to = world.endpointWith({});
    expect(await ask(basic(user.username, PASSWORD), { to })).toEqual({
      status: 401,
      challenge: 'Token',
      body: {
        errors: [{ message: 'Authentication credentials were not provided.', extensions: { code: 'UNAUTHENTICATED' } }],
      },
    });
  });

  it('challenges who sends nothing, where it is named first', async () => {
    const to = world.endpointWith({ AUTHENTICATION: 'basic,token', PUBLIC_URL: 'https://tessera.test' });
    expect(await ask('', { to })).toMatchObject({ status: 401, challenge: CHALLENGE });
  });

  it('takes what stands behind the first colon for the password, byte for byte', async () => {
    for (const password of [
      ' with : colons:: and a space ',
      'pässwörd ☃ of some length',
      '\uFEFFwith a byte order mark',
    ]) {
      const { user } = await makeUser();
      const passwordHash = await world.passwords.hash(password);
      await database.user.update({ where: { id: user.id }, data: { passwordHash } });
      expect(await ask(basic(user.username, password))).toEqual(signedIn(user.username));
      expect(await ask(basic(user.username, `${password} `))).toEqual(WRONG);
    }
  });

  it('reads what is no UTF-8 as Latin-1', async () => {
    const password = 'pässwörd of some length';
    const newUser = await newUserSchema.parseAsync({ username: 'zoë', password });
    const { user } = await createUser(database, world.passwords, newUser, { origin: NOBODY });
    expect(await ask(basic(user.username, password, 'latin1'))).toEqual(signedIn('zoë'));
  });

  it('refuses a wrong password, an unknown, an inactive and an impossible user, and no password, alike', async () => {
    const { user } = await makeUser();
    const idle = await makeUser();
    await database.user.update({ where: { id: idle.user.id }, data: { isActive: false } });
    const passwordless = await makeUser();
    await database.user.update({ where: { id: passwordless.user.id }, data: { passwordHash: null } });
    const attempts = [
      [user.username, `${PASSWORD}x`],
      [user.username, ''],
      ['nobody', PASSWORD],
      ['', PASSWORD],
      ['', ''],
      [idle.user.username, PASSWORD],
      [passwordless.user.username, ''],
      [passwordless.user.username, PASSWORD],
      ['n'.repeat(151), PASSWORD],
      ['n'.repeat(3_000), PASSWORD],
      ['nul\0', PASSWORD],
      [user.username, `${PASSWORD}\0`],
      [`${user.username}\n`, PASSWORD],
    ] as const;
    for (const [username, password] of attempts) expect(await ask(basic(username, password))).toEqual(WRONG);
    expect(await ask(`Basic ${btoa(user.username)}`)).toEqual(WRONG);
  });

  it('says what is wrong with the header', async () => {
    expect(await ask('Basic')).toEqual(refused('Invalid basic header. No credentials provided.'));
    expect(await ask('Basic \t ')).toEqual(refused('Invalid basic header. No credentials provided.'));
    expect(await ask('Basic YTpi YTpi')).toEqual(
      refused('Invalid basic header. Credentials string should not contain spaces.'),
    );
    // Cut short; not padded; padded twice; of base64url; of no alphabet; with bits to spare that are set.
    for (const each of ['YTpi=', 'YTo', 'YTo===', 'YTp_', 'YT!pi', 'YTpi\xe9', 'YTp=', 'YTo=YTo=', 'YTq=']) {
      expect(await ask(`Basic ${each}`)).toEqual(NOT_BASE64);
    }
  });

  it('is refused beside a good key, as any two credentials are', async () => {
    const { user, key } = await makeUser();
    expect(await ask(basic(user.username, PASSWORD), { token: key })).toEqual(
      refused('Two credentials were sent. Send the Authorization or the Token header, not both.', 'Token'),
    );
  });

  it('gets in the way of no login', async () => {
    const { user, key } = await makeUser();
    const query = `mutation { obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}" }) {
      ... on IssuedToken { key } } }`;
    expect(await ask(basic(user.username, 'wrong'), { query })).toMatchObject({
      body: { data: { obtainAuthToken: { key } } },
    });
  });

  it('answers any header with 401 or data, and nothing worse', async () => {
    const latin1 = fc.uint8Array({ min: 0x21, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const encoded = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    const part = fc.oneof(latin1, encoded).map((each) => each.replaceAll('\x7f', ''));
    const gap = fc.stringMatching(/^[ \t]{1,3}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(gap, part), { maxLength: 3 }), async (parts) => {
        const { status, body } = await ask(`Basic${parts.flat().join('')}`);
        expect([status, body.errors[0].extensions.code]).toEqual([401, 'AUTHENTICATION_FAILED']);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the way that a password comes by', () => {
  it('must be private: over plain HTTP no password is looked at, right or wrong', async () => {
    const { user } = await makeUser();
    const verify = vi.spyOn(database.user, 'findUnique');
    for (const header of [basic(user.username, PASSWORD), basic(user.username, 'wrong'), 'Basic', 'Basic !']) {
      expect(await ask(header, { 'x-forwarded-proto': 'http' })).toEqual(NOT_PRIVATE);
      expect(await ask(header, { 'x-forwarded-proto': 'http, https' })).toEqual(NOT_PRIVATE);
      expect(await ask(header, { 'x-forwarded-proto': '' })).toEqual(NOT_PRIVATE);
    }
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
    expect(await ask(basic(user.username, PASSWORD), { 'x-forwarded-proto': 'https' })).toEqual(
      signedIn(user.username),
    );
  });

  it('is private on the machine itself, unless a proxy says that it was not', async () => {
    const own = await databaseOfItsOwn();
    afterAll(own.drop);
    const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
    const { url } = await startServer({ ...env, AUTHENTICATION: 'basic', HOST: '127.0.0.1' });
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);

    function askServer(headers: Record<string, string>) {
      return new Promise((resolve, reject) => {
        const all = { 'content-type': 'application/json', authorization: basic('ada', PASSWORD), ...headers };
        const asked = requestHttp(url, { method: 'POST', headers: all }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        });
        asked.on('error', reject).end(JSON.stringify({ query: '{ me { username } }' }));
      });
    }
    expect(await askServer({})).toBe(200);
    expect(await askServer({ 'X-Forwarded-Proto': 'https' })).toBe(200);
    expect(await askServer({ 'X-Forwarded-Proto': 'http' })).toBe(401);
  });
});

describe('a stream begun with Basic', () => {
  async function open() {
    const { user } = await makeUser();
    const reply = await world.endpoint.fetch('https://tessera.test/graphql', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: basic(user.username, PASSWORD),
      },
      body: JSON.stringify({ query: HEAR }),
    });
    expect(reply.status).toBe(200);
    const last = reply.text().then((text) => {
      const told = [...text.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
      return told.at(-1);
    });
    return { user, last };
  }

  const ENDED = lastError('AUTHENTICATION_FAILED', 'Invalid username/password.');

  it('ends when its user is deactivated', async () => {
    const { user, last } = await open();
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    expect(await last).toEqual(ENDED);
  });

  it('ends when the password is changed, of which no notice tells', async () => {
    const { user, last } = await open();
    const passwordHash = await world.passwords.hash('another fine password');
    await database.user.update({ where: { id: user.id }, data: { passwordHash } });
    expect(await last).toEqual(ENDED);
  });

  it('goes on, without work for each look at it, while the password is the same', async () => {
    const { user, last } = await open();
    const compare = vi.spyOn(bcrypt, 'compare');
    const look = vi.spyOn(database.user, 'findUnique');
    onTestFinished(() => {
      compare.mockRestore();
      look.mockRestore();
    });
    const looks = (more: number) => {
      const wanted = look.mock.calls.length + more;
      return expect.poll(() => look.mock.calls.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(wanted);
    };
    await looks(3);
    expect(compare).not.toHaveBeenCalled();
    // The same password hashed anew, as a login does when the cost was raised: worked out once.
    const passwordHash = await world.passwords.hash(PASSWORD);
    await database.user.update({ where: { id: user.id }, data: { passwordHash } });
    await looks(4);
    expect(compare).toHaveBeenCalledTimes(1);
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    expect(await last).toEqual(ENDED);
  });
});
