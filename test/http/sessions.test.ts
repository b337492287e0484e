import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changePassword } from '../../src/accounts/change-password.ts';
import { newPasswordSchema } from '../../src/accounts/new-password.ts';
import { setActive } from '../../src/accounts/users.ts';
import { readCookie } from '../../src/auth/cookie.ts';
import { keyOf, newTokenId, SESSION_USE } from '../../src/auth/key.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request, clock, tokenSecrets } = world;
const secure = world.endpointWith({ PUBLIC_URL: 'https://api.test', TRUSTED_ORIGINS: 'https://app.test' });

const ORIGIN = 'http://localhost:4000';
const PROOF = { origin: ORIGIN, 'x-tessera-csrf': '1' };
const ME = '{ me { username } }';
const SIGN_IN = `mutation S($username: String!, $password: String!) {
  signIn(input: { username: $username, password: $password }) {
    __typename ... on SignedIn { user { username email } } ... on Error { message }
  }
}`;
const SIGN_OUT = 'mutation { signOut { wasSignedIn } }';
const DAY = 86_400_000;

function signIn(
  username: string,
  { password = PASSWORD, headers = PROOF as Record<string, string>, to = world.endpoint } = {},
) {
  return request(SIGN_IN, { variables: { username, password }, headers }, to);
}

/** The name and value of the cookie that the answer sets, and the attributes beside it. */
function cookieIn(headers: Headers) {
  const [pair = '', ...attributes] = (headers.get('set-cookie') ?? '').split('; ');
  return { pair, value: pair.slice(pair.indexOf('=') + 1), attributes };
}

async function makeSession(to = world.endpoint) {
  const { user, key } = await makeUser();
  const { headers } = await signIn(user.username, { to });
  return { user, key, cookie: cookieIn(headers).pair };
}

async function ask(cookie: string, document = ME, headers: Record<string, string> = PROOF) {
  const { status, body, headers: answered } = await request(document, { headers: { ...headers, cookie } });
  return { status, body, setCookie: answered.get('set-cookie') };
}

const CLEARED = 'tessera-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax';
const signedIn = (username: string) => ({ status: 200, body: { data: { me: { username } } }, setCookie: null });
const anonymous = {
  status: 401,
  body: {
    errors: [{ message: 'Authentication credentials were not provided.', extensions: { code: 'UNAUTHENTICATED' } }],
  },
  setCookie: CLEARED,
};
const csrfFailed = (reason: string) => ({
  status: 403,
  body: { errors: [{ message: `CSRF Failed: ${reason}`, extensions: { code: 'FORBIDDEN' } }] },
  setCookie: null,
});

describe('signIn', () => {
  it('sets a cookie that no script reads, and shows its key nowhere else', async () => {
    const { user } = await makeUser();
    const { status, body, headers } = await signIn(user.username);
    expect({ status, body }).toEqual({
      status: 200,
      body: { data: { signIn: { __typename: 'SignedIn', user: { username: user.username, email: user.email } } } },
    });
    const { pair, attributes } = cookieIn(headers);
    expect(pair).toMatch(/^tessera-session=tsrs_[\w-]{43}$/);
    expect(attributes).toEqual(['Path=/', `Max-Age=${30 * 86_400}`, 'HttpOnly', 'SameSite=Lax']);
    expect(await ask(pair)).toEqual(signedIn(user.username));
  });

  it('keeps it to https and to this host, by what is configured and not by what a request says', async () => {
    const { user } = await makeUser();
    const asked = { origin: 'https://api.test', 'x-tessera-csrf': '1', host: 'localhost', 'x-forwarded-proto': 'http' };
    const { headers } = await signIn(user.username, { headers: asked, to: secure });
    const { pair, attributes } = cookieIn(headers);
    expect(pair).toMatch(/^__Host-tessera-session=tsrs_/);
    expect(attributes).toEqual(['Path=/', `Max-Age=${30 * 86_400}`, 'HttpOnly', 'SameSite=Lax', 'Secure']);
  });

  it('refuses what obtainAuthToken refuses, alike, and sets nothing', async () => {
    const { user } = await makeUser();
    const refused = { __typename: 'InvalidCredentialsError', message: 'Unable to log in with provided credentials.' };
    for (const [username, password] of [
      [user.username, 'wrong'],
      ['nobody-at-all', PASSWORD],
    ] as const) {
      const { body, headers } = await signIn(username, { password });
      expect(body).toEqual({ data: { signIn: refused } });
      expect(headers.get('set-cookie')).toBeNull();
    }
    expect((await signIn('', { password: '' })).body.data.signIn).toMatchObject({ __typename: 'ValidationError' });
  });

  it('never goes on with a session that was there before, which ends', async () => {
    const attacker = await makeSession();
    const { user } = await makeUser();
    const { headers } = await signIn(user.username, { headers: { ...PROOF, cookie: attacker.cookie } });
    const { pair } = cookieIn(headers);
    expect(pair).not.toBe(attacker.cookie);
    expect(await ask(pair)).toEqual(signedIn(user.username));
    expect(await ask(attacker.cookie)).toEqual(anonymous);
  });

  it('leaves one session behind, however often an operation signs in', async () => {
    const { user } = await makeUser();
    const one = `signIn(input: { username: "${user.username}", password: "${PASSWORD}" }) { __typename }`;
    const { headers } = await request(`mutation { a: ${one} b: ${one} c: ${one} }`, { headers: PROOF });
    expect(await database.token.count({ where: { userId: user.id, kind: 'SESSION' } })).toBe(1);
    expect(await ask(cookieIn(headers).pair)).toEqual(signedIn(user.username));
  });

  it.each([
    ['no header of its own', { origin: ORIGIN }, 'The X-Tessera-CSRF header is missing.'],
    ['no origin', { 'x-tessera-csrf': '1' }, 'Origin checking failed - no Origin header was sent.'],
    [
      'another origin',
      { ...PROOF, origin: 'http://evil.test' },
      'Origin checking failed - http://evil.test does not match any trusted origins.',
    ],
    [
      'an origin of another port',
      { ...PROOF, origin: 'http://localhost:4001' },
      'Origin checking failed - http://localhost:4001 does not match any trusted origins.',
    ],
    [
      'an opaque origin',
      { ...PROOF, origin: 'null' },
      'Origin checking failed - null does not match any trusted origins.',
    ],
  ])('refuses a page of another site before any password is looked at: %s', async (_what, headers, reason) => {
    const { user } = await makeUser();
    world.queries.length = 0;
    const { status, body, headers: answered } = await signIn(user.username, { headers });
    expect({ status, body, setCookie: answered.get('set-cookie') }).toEqual(csrfFailed(reason));
    expect(world.queries).toEqual([]);
  });

  it('is refused whole: a mutation beside it does not happen', async () => {
    const { key } = await makeUser();
    const one = `signIn(input: { username: "x", password: "y" }) { __typename }`;
    const { status } = await request(`mutation { revokeCurrentToken { __typename } ${one} }`, { key });
    expect(status).toBe(403);
    expect((await request(ME, { key })).status).toBe(200);
  });

  it('is refused where sessions are no way in', async () => {
    const { user } = await makeUser();
    const { status, body } = await signIn(user.username, { to: world.endpointWith({ AUTHENTICATION: 'token' }) });
    expect({ status, message: body.errors[0].message }).toEqual({
      status: 403,
      message: 'This way in is closed: AUTHENTICATION on this server does not name session.',
    });
  });
});

describe('the cookie', () => {
  it.each([
    ['without the header', { origin: ORIGIN }, 'The X-Tessera-CSRF header is missing.'],
    [
      'from another origin',
      { ...PROOF, origin: 'https://evil.test' },
      'Origin checking failed - https://evil.test does not match any trusted origins.',
    ],
    ['from nowhere', { 'x-tessera-csrf': '1' }, 'Origin checking failed - no Origin header was sent.'],
    [
      'from another site',
      { 'x-tessera-csrf': '1', 'sec-fetch-site': 'same-site' },
      'Origin checking failed - no Origin header was sent.',
    ],
  ])('opens nothing %s, public fields included', async (_what, headers: Record<string, string>, reason) => {
    const { cookie } = await makeSession();
    expect(await ask(cookie, ME, headers)).toEqual(csrfFailed(reason));
    expect(await ask(cookie, '{ viewer { username } }', headers)).toEqual(csrfFailed(reason));
  });

  it('is used by pages of every name that this machine has for itself, of origins that are trusted, and by their GET', async () => {
    const { user, cookie } = await makeSession();
    for (const origin of [ORIGIN, 'http://127.0.0.1:4000', 'http://[::1]:4000']) {
      expect(await ask(cookie, ME, { ...PROOF, origin })).toEqual(signedIn(user.username));
    }
    const get = { 'x-tessera-csrf': '1', 'sec-fetch-site': 'same-origin' };
    expect(await ask(cookie, ME, get)).toEqual(signedIn(user.username));
    const secured = await signIn(user.username, { headers: { ...PROOF, origin: 'https://app.test' }, to: secure });
    expect(secured.body.data.signIn.__typename).toBe('SignedIn');
  });

  it('is ignored beside another credential, good or bad, and stays', async () => {
    const { cookie } = await makeSession();
    const { user: other, key } = await makeUser();
    const beside = (headers: Record<string, string>) => ask(cookie, ME, headers);
    expect(await beside({ authorization: `Token ${key}` })).toEqual(signedIn(other.username));
    expect(await beside({ token: key })).toEqual(signedIn(other.username));
    expect(await beside({ ...PROOF, authorization: 'Token abcd1234' })).toMatchObject({ status: 401, setCookie: null });
  });

  it.each([
    ['an Authorization that no scheme knows', { authorization: 'Digest username="x"' }],
    ['an empty Authorization', { authorization: '' }],
    ['an access token where they are no way in', { authorization: 'Bearer eyJhbGciOi.x.y' }],
    ['a bare Token', { token: '' }],
  ])('is ignored beside %s, too: whoever sends one means to', async (_what, headers) => {
    const { cookie } = await makeSession();
    const to = world.endpointWith({ AUTHENTICATION: 'session' });
    const {
      status,
      body,
      headers: answered,
    } = await request('{ viewer { username } }', { headers: { ...PROOF, ...headers, cookie } }, to);
    expect({ status, body, setCookie: answered.get('set-cookie') }).toEqual({
      status: 200,
      body: { data: { viewer: null } },
      setCookie: null,
    });
  });

  it.each(['\u00a0', '\u000b', '\u000c', '\u0085'])(
    'is not one whose name is another to browsers, for %j before it or behind',
    async (odd) => {
      const { user, cookie } = await makeSession();
      const [name = '', value = ''] = cookie.split('=');
      const { cookie: evil } = await makeSession();
      const laid = `${odd}${evil}; ${name}${odd}=${evil.split('=')[1]}`;
      // Headers come as Latin-1.
      const read = (header: string) => readCookie(header, name);
      expect([read(laid), read(`${laid}; ${cookie}`), read(`\t${name} = ${value} `)]).toEqual([null, value, value]);
      expect(await ask(cookie)).toEqual(signedIn(user.username));
    },
  );

  it('locks nobody out of another way in', async () => {
    const { user, cookie } = await makeSession();
    const login = `mutation { obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}" }) { __typename } }`;
    expect(await ask(cookie, login, {})).toMatchObject({
      status: 200,
      body: { data: { obtainAuthToken: { __typename: 'IssuedToken' } } },
    });
  });

  it.each([
    ['forged', () => keyOf({ id: newTokenId() }, ['f'.repeat(32)], SESSION_USE)],
    ['of a session that never was', () => keyOf({ id: newTokenId() }, tokenSecrets, SESSION_USE)],
    ['no key', () => 'nonsense'],
    ['empty', () => ''],
  ])('counts as none when it is %s, and is cleared', async (_what, value) => {
    expect(await ask(`tessera-session=${value()}`)).toEqual(anonymous);
    expect(await ask(`tessera-session=${value()}`, '{ viewer { username } }', {})).toEqual({
      status: 200,
      body: { data: { viewer: null } },
      setCookie: CLEARED,
    });
  });

  it('costs no query when it is forged', async () => {
    world.queries.length = 0;
    await ask(`tessera-session=${keyOf({ id: newTokenId() }, ['f'.repeat(32)], SESSION_USE)}`);
    expect(world.queries).toEqual([]);
  });

  it('is no key, and a key is no cookie', async () => {
    const { user, key, cookie } = await makeSession();
    const value = cookie.slice(cookie.indexOf('=') + 1);
    expect((await request(ME, { key: value })).body.errors[0].message).toBe('Invalid token.');
    expect(await ask(`tessera-session=${key}`)).toEqual(anonymous);
    const login = await database.token.findFirstOrThrow({ where: { userId: user.id, kind: 'LOGIN' } });
    expect(await ask(`tessera-session=${keyOf(login, tokenSecrets, SESSION_USE)}`)).toEqual(anonymous);
    const [session] = await database.token.findMany({
      where: { kind: 'SESSION' },
      orderBy: { createdAt: 'desc' },
      take: 1,
    });
    const underToken = keyOf({ id: session?.id ?? '' }, tokenSecrets);
    expect((await request(ME, { key: underToken })).body.errors[0].message).toBe('Invalid token.');
  });

  it('that comes twice is nobody’s: one of them was put there by somebody else', async () => {
    const [one, other] = [await makeSession(), await makeSession()];
    expect(await ask(`${one.cookie}; ${other.cookie}`)).toEqual(anonymous);
  });

  it('never fails the server, whatever it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[\x21-\x7e ]{0,60}$/), async (text) => {
        const reply = await request('{ viewer { username } }', { headers: { cookie: `tessera-session=${text}` } });
        expect(reply.status).toBe(200);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a session', () => {
  it('ends when it is not used for 7 days, and when it is 30 days old however it is used', async () => {
    const { user, cookie } = await makeSession();
    const begun = clock.now.getTime();
    for (let day = 6; day < 30; day += 6) {
      clock.now = new Date(begun + day * DAY);
      expect(await ask(cookie)).toEqual(signedIn(user.username));
      await world.lastUsed.write();
    }
    clock.now = new Date(begun + 30 * DAY - 1);
    expect(await ask(cookie)).toEqual(signedIn(user.username));
    clock.now = new Date(begun + 30 * DAY);
    expect(await ask(cookie)).toEqual(anonymous);
    const idle = await makeSession();
    clock.now = new Date(clock.now.getTime() + 7 * DAY);
    expect(await ask(idle.cookie)).toEqual(anonymous);
  });

  it('is listed and ended as tokens are', async () => {
    const { cookie } = await makeSession();
    const { body } = await ask(cookie, '{ currentToken { id kind isCurrent scopes } }');
    expect(body.data.currentToken).toMatchObject({ kind: 'SESSION', isCurrent: true, scopes: ['*'] });
    const ended = await ask(cookie, 'mutation { revokeCurrentToken { __typename } }');
    expect(ended).toMatchObject({ status: 200, setCookie: CLEARED });
    expect(await ask(cookie)).toEqual(anonymous);
  });

  it.each([
    [
      'a change of the password',
      async (user: { id: string }) => {
        const read = await newPasswordSchema({ username: 'x', email: null }).parseAsync({
          password: 'another fine password',
        });
        await changePassword(database, world.passwords, {
          ...read,
          userId: user.id,
          keepTokens: false,
          origin: NOBODY,
        });
      },
    ],
    [
      'deactivation',
      async (user: { id: string }) => void (await setActive(database, { userId: user.id, isActive: false }, NOBODY)),
    ],
    [
      'revokeAllTokens by another token',
      async (_user: { id: string }, key: string) => {
        expect((await request('mutation { revokeAllTokens { count } }', { key })).status).toBe(200);
      },
    ],
  ])('ends at once with %s', async (_what, end) => {
    const { user, key, cookie } = await makeSession();
    expect((await ask(cookie)).status).toBe(200);
    await end(user, key);
    await world.changes.settle();
    expect(await ask(cookie)).toEqual(anonymous);
  });
});

describe('signOut', () => {
  it('ends the session, and clears the cookie', async () => {
    const { cookie } = await makeSession();
    const out = (wasSignedIn: boolean) => ({
      status: 200,
      body: { data: { signOut: { wasSignedIn } } },
      setCookie: CLEARED,
    });
    expect(await ask(cookie, SIGN_OUT)).toEqual(out(true));
    expect(await ask(cookie, SIGN_OUT)).toEqual(out(false));
    expect(await ask(cookie)).toEqual(anonymous);
  });

  it('is refused to pages of other sites', async () => {
    const { user, cookie } = await makeSession();
    expect((await ask(cookie, SIGN_OUT, {})).status).toBe(403);
    expect(await ask(cookie)).toEqual(signedIn(user.username));
  });

  it('leaves the session alone where another credential is sent', async () => {
    const { user, key, cookie } = await makeSession();
    const { body } = await ask(cookie, SIGN_OUT, { ...PROOF, authorization: `Token ${key}` });
    expect(body).toEqual({ data: { signOut: { wasSignedIn: false } } });
    expect(await ask(cookie)).toEqual(signedIn(user.username));
  });
});
