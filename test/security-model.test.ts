import { describe, expect, it, onTestFinished } from 'vitest';
import type { AccessClaims } from '../src/auth/access-token.ts';
import { keyOf, newTokenId } from '../src/auth/key.ts';
import { unseal } from '../src/auth/sealed-key.ts';
import { globalIdOf } from '../src/graphql/global-id.ts';
import { startServer, tessera } from './program.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from './world.ts';

// What docs/guides/security-model.md says and no other test shows.
const world = await openWorld();
const { database, makeUser, request } = world;

const LOGIN = `mutation ($u: String!, $p: String!) {
  obtainAuthToken(input: { username: $u, password: $p }) { ... on IssuedToken { key } }
}`;
const REFUSED = { errors: [{ message: 'Invalid token.', extensions: { code: 'AUTHENTICATION_FAILED' } }] };

const CREATE = 'mutation { createToken(input: { name: "made" }) { ... on IssuedToken { key token { expiresAt } } } }';
const REFRESH = 'mutation ($r: String!) { refreshTokenPair(refresh: $r) { __typename ... on TokenPair { refresh } } }';
const PROOF = { origin: 'http://localhost:4000', 'x-tessera-csrf': '1' };

function asBearer(token: string, query: string, to = world.endpoint) {
  return request(query, { headers: { authorization: `Bearer ${token}` } }, to);
}

async function issueAccess(claims: AccessClaims): Promise<string> {
  if (!world.accessTokens) throw new Error('This world has no signing keys.');
  return (await (await world.accessTokens.prepare(world.clock.now))(claims)).token;
}

async function makePair(username: string) {
  const { body } = await request(
    'mutation ($u: String!, $p: String!) { obtainTokenPair(input: { username: $u, password: $p }) { ... on TokenPair { access refresh } } }',
    { variables: { u: username, p: PASSWORD } },
  );
  const { access, refresh } = body.data.obtainTokenPair;
  const { id } = await database.token.findFirstOrThrow({ where: { kind: 'REFRESH', user: { username } } });
  return { access, refresh, pairId: id };
}

async function whoIs(key: string) {
  return (await request('{ me { username isSuperuser } }', { key })).body;
}

async function loginOf(username: string) {
  return (await request(LOGIN, { variables: { u: username, p: PASSWORD } })).body.data.obtainAuthToken;
}

/** Every value in every row of every table, as a backup or an injected SELECT would give it. */
async function everythingStored(): Promise<string[]> {
  const tables = await database.$queryRaw<{ name: string }[]>`
    SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'`;
  const values = await Promise.all(
    tables.map(({ name }) =>
      database.$queryRawUnsafe<{ value: string | null }[]>(
        `SELECT field.value FROM ${name} AS stored, jsonb_each_text(to_jsonb(stored)) AS field`,
      ),
    ),
  );
  return values.flat().flatMap(({ value }) => value ?? []);
}

describe('whoever reads the whole database', () => {
  it('finds no key and nothing that makes one', async () => {
    const { token, key } = await makeUser();
    const stored = await everythingStored();
    expect(stored).toContain(token.id);
    const whole = stored.join('\n');
    const mac = Buffer.from(key.slice(4), 'base64url').subarray(16);
    for (const secret of [key, key.slice(-21), mac.toString('hex'), mac.toString('base64'), TOKEN_SECRET, PASSWORD]) {
      expect(whole).not.toContain(secret);
    }
    const guesses = new Set(stored.flatMap((value) => [value, keyOf(token, [value])]));
    expect(guesses.has(key)).toBe(false);
    for (const guess of [...guesses].filter((text) => /^[\x21-\x7e]+$/.test(text))) {
      expect(await whoIs(guess), guess).toEqual(REFUSED);
    }
  });

  it('has every key once he has the secret too', async () => {
    const { token, user } = await makeUser();
    expect(await everythingStored()).toContain(token.id);
    expect(await whoIs(keyOf({ id: token.id }, [TOKEN_SECRET]))).toMatchObject({
      data: { me: { username: user.username } },
    });
  });
});

describe('a signing key', () => {
  it('cannot be read from the database, but with the secret too', async () => {
    const row = await database.signingKey.findFirstOrThrow();
    const stored = await everythingStored();
    expect(stored).toContain(row.sealedKey);
    for (const guess of stored) expect(unseal(row.sealedKey, row.id, guess)).toBeNull();
    const { d } = JSON.parse(unseal(row.sealedKey, row.id, TOKEN_SECRET) ?? '{}');
    expect(d).toMatch(/^[\w-]{43}$/);
    expect(stored.join('\n')).not.toContain(d);
  });

  it('makes an access token for nobody that staff’s doors open to, and in the name of a pair alone where it is strict', async () => {
    const claims = { username: 'nobody', isStaff: true, isSuperuser: true, scopes: ['*'] };
    const forged = await issueAccess({ userId: newTokenId(), pairId: newTokenId(), ...claims });
    const { user } = await makeUser();
    const document = `{ node(id: "${globalIdOf('User', user.id)}") { ... on User { username email } } }`;
    expect((await asBearer(forged, document)).body).toEqual({
      data: { node: { username: user.username, email: user.email } },
    });
    expect((await asBearer(forged, CREATE)).body).toMatchObject(REFUSED);
    const strict = world.endpointWith({ JWT_CHECK: 'strict' });
    expect((await asBearer(forged, document, strict)).status).toBe(401);
    const { pairId } = await makePair(user.username);
    const ofThePair = await issueAccess({ userId: user.id, pairId, ...claims });
    expect((await asBearer(ofThePair, '{ me { username isStaff } }', strict)).body).toEqual({
      data: { me: { username: user.username, isStaff: false } },
    });
  });
});

describe('whoever has an access token', () => {
  it('makes tokens as long as its pair lives, which last as long as that was to and outlive it', async () => {
    const { user } = await makeUser();
    const { access, refresh, pairId } = await makePair(user.username);
    const pair = await database.token.findUniqueOrThrow({ where: { id: pairId } });
    const { key, token } = (await asBearer(access, CREATE)).body.data.createToken;
    expect(token.expiresAt).toBe(pair.expiresAt?.toISOString());
    await request('mutation ($r: String!) { revokeTokenPair(refresh: $r) { __typename } }', {
      variables: { r: refresh },
    });
    expect((await asBearer(access, '{ me { username } }')).status).toBe(200);
    expect((await asBearer(access, CREATE.replace('made', 'more'))).body).toMatchObject(REFUSED);
    expect(await whoIs(key)).toMatchObject({ data: { me: { username: user.username } } });
    await request('mutation { revokeAllTokens { count } }', { key });
    expect(await whoIs(key)).toEqual(REFUSED);
  });

  it('cannot refresh by it, nor call the API by a refresh token', async () => {
    const { user } = await makeUser();
    const { access, refresh } = await makePair(user.username);
    const { body } = await request(REFRESH, { variables: { r: access } });
    expect(body.data.refreshTokenPair).toEqual({ __typename: 'InvalidTokenError' });
    for (const headers of [{ authorization: `Bearer ${refresh}` }, { authorization: `Token ${refresh}` }]) {
      expect((await request('{ me { username } }', { headers })).status).toBe(401);
    }
  });
});

describe('whoever has a refresh token', () => {
  it('goes on beside its owner until that one refreshes, which ends the pair for both', async () => {
    const { user } = await makeUser();
    const { refresh } = await makePair(user.username);
    const refreshed = async (r: string) => (await request(REFRESH, { variables: { r } })).body.data.refreshTokenPair;
    const stolen = await refreshed(refresh);
    expect(stolen).toMatchObject({ __typename: 'TokenPair' });
    world.clock.now = new Date(world.clock.now.getTime() + 10_000);
    expect(await refreshed(refresh)).toEqual({ __typename: 'InvalidTokenError' });
    expect(await refreshed(stolen.refresh)).toEqual({ __typename: 'InvalidTokenError' });
  });
});

describe('whoever has a session’s cookie', () => {
  it('uses it without a browser, as no key, and makes a token by it that outlives signing out', async () => {
    const { user } = await makeUser();
    const signedIn = await request(
      'mutation ($u: String!, $p: String!) { signIn(input: { username: $u, password: $p }) { __typename } }',
      { variables: { u: user.username, p: PASSWORD }, headers: PROOF },
    );
    const [cookie = ''] = (signedIn.headers.get('set-cookie') ?? '').split(';');
    const byCookie = (query: string) => request(query, { headers: { ...PROOF, cookie } });
    const { key, token } = (await byCookie(CREATE)).body.data.createToken;
    const session = await database.token.findFirstOrThrow({ where: { userId: user.id, kind: 'SESSION' } });
    expect(new Date(token.expiresAt).getTime()).toBe(session.createdAt.getTime() + 30 * 86_400_000);
    expect(await whoIs(cookie.slice(cookie.indexOf('=') + 1))).toEqual(REFUSED);
    expect((await byCookie('mutation { signOut { wasSignedIn } }')).body).toEqual({
      data: { signOut: { wasSignedIn: true } },
    });
    expect((await byCookie('{ me { username } }')).status).toBe(401);
    expect(await whoIs(key)).toMatchObject({ data: { me: { username: user.username } } });
  });
});

describe('a page of another site', () => {
  it('is not allowed to send the header that proves a page of one’s own, and may read the public keys', async () => {
    const asking = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
    const preflight = await world.endpoint.fetch('http://tessera.test/graphql', {
      method: 'OPTIONS',
      headers: { ...asking, 'access-control-request-headers': 'content-type,x-tessera-csrf' },
    });
    const allowed = ['access-control-allow-origin', 'access-control-allow-headers', 'access-control-allow-methods'];
    expect(allowed.map((name) => preflight.headers.get(name))).toEqual([null, null, null]);
    const keys = await world.endpoint.fetch('http://tessera.test/.well-known/jwks.json', { headers: asking });
    expect(keys.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('whoever writes the database', () => {
  it('can promote himself, turn his key to another’s, and put his password in another’s place', async () => {
    const mallory = await makeUser('mallory');
    const victim = await makeUser('victim');
    await database.$executeRaw`UPDATE "User" SET "isSuperuser" = true WHERE username = 'mallory'`;
    await world.changes.settle();
    expect(await whoIs(mallory.key)).toEqual({ data: { me: { username: 'mallory', isSuperuser: true } } });

    await database.$executeRaw`DELETE FROM "Token" WHERE id = ${victim.token.id}::uuid`;
    await database.$executeRaw`
      UPDATE "Token" SET "userId" = ${victim.user.id}::uuid WHERE id = ${mallory.token.id}::uuid`;
    await world.changes.settle();
    expect(await whoIs(mallory.key)).toEqual({ data: { me: { username: 'victim', isSuperuser: false } } });

    await database.$executeRaw`UPDATE "User" SET "passwordHash" = NULL WHERE username = 'victim'`;
    expect(await loginOf('victim')).toEqual({});
    await database.$executeRaw`
      UPDATE "User" SET "passwordHash" = (SELECT "passwordHash" FROM "User" WHERE username = 'mallory')
       WHERE username = 'victim'`;
    expect(await loginOf('victim')).toEqual({ key: mallory.key });
  });
});

describe('whoever has keys', () => {
  it('cannot make another from them and the id of another token', async () => {
    const [mine, alsoMine, other] = await Promise.all([makeUser(), makeUser(), makeUser()]);
    const bytesOf = (key: string) => Buffer.from(key.slice(4), 'base64url');
    const [a, b, c] = [bytesOf(mine.key), bytesOf(alsoMine.key), bytesOf(other.key)];
    const mixed = Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));
    for (const mac of [a, b, mixed].map((bytes) => bytes.subarray(16))) {
      const forged = `tsr_${Buffer.concat([c.subarray(0, 16), mac]).toString('base64url')}`;
      expect(await whoIs(forged)).toEqual(REFUSED);
    }
    expect(await whoIs(other.key)).toMatchObject({ data: { me: { username: other.user.username } } });
  });
});

describe('whoever reads the log', () => {
  it('finds no key, no password and no header there, however much is logged', async () => {
    const own = await databaseOfItsOwn();
    onTestFinished(own.drop);
    const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: TOKEN_SECRET, LOG_LEVEL: 'trace' };
    const server = await startServer(env);
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
    function post(headers: Record<string, string>, query: string, variables: object = {}) {
      const body = JSON.stringify({ query, variables });
      return fetch(server.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
    }
    const login = await post({}, LOGIN, { u: 'ada', p: PASSWORD });
    const { key } = (await login.json()).data.obtainAuthToken;
    const basic = btoa(`ada:${PASSWORD}`);

    await post({ authorization: `Token ${key}` }, '{ me { username } }');
    await post({ authorization: `Bearer ${key}x` }, '{ me { username } }');
    await post({ token: `${key} ${key}` }, '{ me { username } }');
    await post({ authorization: `Basic ${basic}` }, LOGIN, { u: 'ada', p: `not ${PASSWORD}` });
    await post({}, LOGIN, { u: 'ada', p: [PASSWORD] });
    await post({}, `{ ${key}(password: "${PASSWORD}") }`);
    await fetch(`${server.url}?query={me{username}}&variables=${key}&password=${encodeURIComponent(PASSWORD)}`);
    server.child.kill('SIGTERM');
    const { code, stdout, stderr } = await server.finished;

    expect([code, stdout]).toEqual([0, expect.stringContaining('SIGTERM received')]);
    for (const secret of [key, PASSWORD, encodeURIComponent(PASSWORD), basic, TOKEN_SECRET]) {
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});
