import { describe, expect, it, onTestFinished } from 'vitest';
import { keyOf } from '../src/auth/key.ts';
import { startServer, tessera } from './program.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from './world.ts';

// What docs/guides/security-model.md says and no other test shows.
const world = await openWorld();
const { database, makeUser, request } = world;

const LOGIN = `mutation ($u: String!, $p: String!) {
  obtainAuthToken(input: { username: $u, password: $p }) { ... on IssuedToken { key } }
}`;
const REFUSED = { errors: [{ message: 'Invalid token.', extensions: { code: 'AUTHENTICATION_FAILED' } }] };

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
