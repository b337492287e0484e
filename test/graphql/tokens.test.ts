import bcrypt from 'bcrypt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPasswords } from '../../src/auth/password.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;

const LOGIN = `mutation Login($input: ObtainAuthTokenInput!) {
  obtainAuthToken(input: $input) {
    __typename
    ... on IssuedToken { key token { id name kind scopes isCurrent user { username lastLogin } } }
    ... on Error { message }
    ... on ValidationError { fields { path message } }
  }
}`;
const REVOKE = `mutation Revoke($id: ID!) {
  revokeToken(id: $id) { __typename ... on RevokedToken { revokedTokenId name } ... on Error { message } }
}`;

async function logIn(input: Record<string, unknown>) {
  const { body } = await request(LOGIN, { variables: { input: { password: PASSWORD, ...input } } });
  return body.data.obtainAuthToken;
}

async function isAccepted(key: string): Promise<boolean> {
  return (await request('{ me { id } }', { key })).status === 200;
}

afterEach(() => vi.restoreAllMocks());

describe('obtainAuthToken', () => {
  it('gives each name a token of its own, and the same one again', async () => {
    const { user } = await makeUser();
    const laptop = await logIn({ username: user.username, name: 'laptop' });
    expect(laptop).toMatchObject({
      token: { name: 'laptop', kind: 'LOGIN', scopes: ['*'], isCurrent: false, user: { username: user.username } },
    });
    expect((await logIn({ username: user.username, name: 'laptop' })).key).toBe(laptop.key);
    expect((await logIn({ username: user.username })).key).not.toBe(laptop.key);
    expect((await logIn({ username: user.username, name: null })).token.name).toBe('default');
  });

  it('knows the user by any spelling that folds alike, and notes the login', async () => {
    await makeUser('Łukasz');
    const tomorrow = new Date(Date.now() + 86_400_000);
    world.clock.now = tomorrow;
    expect(await logIn({ username: 'łUKASZ' })).toMatchObject({
      token: { user: { username: 'Łukasz', lastLogin: tomorrow.toISOString() } },
    });
  });

  it('gives one token to those who log in for the first time at once', async () => {
    const { user } = await makeUser();
    await database.token.deleteMany({ where: { userId: user.id } });
    const keys = (await Promise.all([1, 2, 3, 4].map(() => logIn({ username: user.username })))).map(({ key }) => key);
    expect(new Set(keys).size).toBe(1);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
  });

  it('puts a new token in an expired one’s place', async () => {
    const { user, token, key } = await makeUser();
    await database.token.update({ where: { id: token.id }, data: { expiresAt: world.clock.now } });
    const fresh = await logIn({ username: user.username });
    expect(fresh.key).not.toBe(key);
    expect(await isAccepted(fresh.key)).toBe(true);
    expect(await isAccepted(key)).toBe(false);
  });

  it('does not reveal a token made by hand to whoever asks by its name', async () => {
    const { user } = await makeUser();
    await database.token.create({ data: { userId: user.id, name: 'deploy', kind: 'API' } });
    expect(await logIn({ username: user.username, name: 'deploy' })).toEqual({
      __typename: 'ValidationError',
      message: 'name: A token made by hand has this name. Choose another.',
      fields: [{ path: ['name'], message: 'A token made by hand has this name. Choose another.' }],
    });
  });

  it.each([
    ['an unknown user', async () => ({ username: 'nobody-at-all' })],
    ['a wrong password', async () => ({ username: (await makeUser()).user.username, password: 'wrong' })],
    [
      'an inactive user with the right password',
      async () => {
        const { user } = await makeUser();
        await database.user.update({ where: { id: user.id }, data: { isActive: false } });
        return { username: user.username };
      },
    ],
    [
      'a user without a password',
      async () => {
        const { user } = await makeUser();
        await database.user.update({ where: { id: user.id }, data: { passwordHash: null } });
        return { username: user.username };
      },
    ],
    ['the right password', async () => ({ username: (await makeUser()).user.username })],
  ])('compares exactly once at the configured cost for %s', async (_case, prepare) => {
    const input = await prepare();
    const compare = vi.spyOn(bcrypt, 'compare');
    await logIn(input);
    expect(compare).toHaveBeenCalledTimes(1);
    expect(bcrypt.getRounds(compare.mock.calls[0]?.[1] as string)).toBe(world.config.bcryptCost);
  });

  it('hashes anew when the configured cost has risen, and not when it has not', async () => {
    const { user } = await makeUser();
    const before = await database.user.findUniqueOrThrow({ where: { id: user.id } });
    await logIn({ username: user.username });
    expect(await database.user.findUniqueOrThrow({ where: { id: user.id } })).toMatchObject({
      passwordHash: before.passwordHash,
    });
    const dearer = world.endpointWith({ BCRYPT_COST: '5' });
    await request(LOGIN, { variables: { input: { username: user.username, password: PASSWORD } } }, dearer);
    const after = await database.user.findUniqueOrThrow({ where: { id: user.id } });
    expect(bcrypt.getRounds(after.passwordHash ?? '')).toBe(5);
    expect(await createPasswords({ cost: 5, pepper: null }).verify(PASSWORD, after.passwordHash)).toBe(true);
  });

  it.each([
    [{ username: 'a\0b' }, 'username'],
    [{ username: '\udfff' }, 'username'],
    [{ username: 'x'.repeat(5_000) }, 'username'],
    [{ username: 'ada', name: '' }, 'name'],
    [{ username: 'ada', name: 'x'.repeat(5_000) }, 'name'],
    [{ username: 'ada', name: 'a\0' }, 'name'],
  ])('refuses %j by naming the field', async (input, field) => {
    expect(await logIn(input)).toMatchObject({ __typename: 'ValidationError', fields: [{ path: [field] }] });
  });
});

describe('revokeToken', () => {
  it('ends one of the caller’s own tokens', async () => {
    const { user, key } = await makeUser();
    const other = await logIn({ username: user.username, name: 'other' });
    const { body } = await request(REVOKE, { key, variables: { id: other.token.id } });
    expect(body.data.revokeToken).toEqual({
      __typename: 'RevokedToken',
      revokedTokenId: other.token.id,
      name: 'other',
    });
    expect(await isAccepted(other.key)).toBe(false);
    expect(await isAccepted(key)).toBe(true);
  });

  it('tells nothing of the tokens of others, staff or not', async () => {
    const owner = await makeUser();
    const theirs = await logIn({ username: owner.user.username });
    const notFound = { __typename: 'TokenNotFoundError', message: 'There is no such token of yours.' };
    for (const standing of [{}, { isStaff: true }]) {
      const { key } = await makeUser(undefined, standing);
      for (const id of [theirs.token.id, btoa('Token:00000000-0000-0000-0000-000000000000'), 'nonsense', '']) {
        expect((await request(REVOKE, { key, variables: { id } })).body.data.revokeToken).toEqual(notFound);
      }
    }
    expect(await isAccepted(owner.key)).toBe(true);
  });

  it('is not for strangers', async () => {
    const reply = await request(REVOKE, { variables: { id: 'x' } });
    expect(reply).toMatchObject({ status: 401, body: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
  });
});

describe('revokeCurrentToken', () => {
  it('logs out: the key is dead, and the next login gives another', async () => {
    const { user, key } = await makeUser();
    const { body } = await request('mutation { revokeCurrentToken { __typename ... on RevokedToken { name } } }', {
      key,
    });
    expect(body).toEqual({ data: { revokeCurrentToken: { __typename: 'RevokedToken', name: 'default' } } });
    expect(await isAccepted(key)).toBe(false);
    const again = await logIn({ username: user.username });
    expect(again.key).not.toBe(key);
    expect(await isAccepted(again.key)).toBe(true);
    expect(await isAccepted(key)).toBe(false);
  });

  it('finds nothing the second time in one request', async () => {
    const { key } = await makeUser();
    const { body } = await request(
      'mutation { a: revokeCurrentToken { __typename } b: revokeCurrentToken { __typename } }',
      { key },
    );
    expect(body).toEqual({ data: { a: { __typename: 'RevokedToken' }, b: { __typename: 'TokenNotFoundError' } } });
  });
});
