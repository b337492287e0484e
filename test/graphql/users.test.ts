import { describe, expect, it } from 'vitest';
import { verifyKey } from '../../src/auth/key.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;

const CREATE = `mutation Create($input: CreateUserInput!) {
  createUser(input: $input) {
    __typename
    ... on CreatedUser { key user { id username email isActive isStaff isSuperuser lastLogin } }
    ... on Error { message }
    ... on ValidationError { fields { path message } }
  }
}`;

function create(input: Record<string, unknown>, asked: { key?: string } = {}, to?: typeof world.endpoint) {
  return request(CREATE, { variables: { input: { password: PASSWORD, ...input } }, ...asked }, to);
}

function invalid(path: string, message: string) {
  return {
    __typename: 'ValidationError',
    message: `${path}: ${message}`,
    fields: [{ path: [path], message }],
  };
}

describe('createUser', () => {
  it('makes a user with a token, whose key works at once', async () => {
    const { status, body } = await create({ username: 'Grace', email: 'grace@example.org' });
    const { key, ...rest } = body.data.createUser;
    expect({ status, rest }).toEqual({
      status: 200,
      rest: {
        __typename: 'CreatedUser',
        user: {
          id: expect.any(String),
          username: 'Grace',
          email: 'grace@example.org',
          isActive: true,
          isStaff: false,
          isSuperuser: false,
          lastLogin: null,
        },
      },
    });
    expect(verifyKey(key, world.tokenSecrets)).not.toBeNull();
    const me = await request('{ me { id } }', { key });
    expect(me.body).toEqual({ data: { me: { id: rest.user.id } } });
  });

  it('refuses a name that folds to one that is taken', async () => {
    await create({ username: 'Straße' });
    for (const username of ['straße', 'STRAßE', 'S\u0074raße', '\uff33traße']) {
      expect((await create({ username })).body.data.createUser).toEqual({
        __typename: 'UsernameTakenError',
        message: 'A user with that username already exists.',
      });
    }
    expect(await database.user.count({ where: { usernameKey: 'straße' } })).toBe(1);
  });

  it('makes one user of two who ask at once', async () => {
    const replies = await Promise.all([1, 2, 3, 4].map(() => create({ username: 'racer' })));
    const names = replies.map(({ body }) => body.data.createUser.__typename).sort();
    expect(names).toEqual(['CreatedUser', 'UsernameTakenError', 'UsernameTakenError', 'UsernameTakenError']);
    expect(await database.token.count({ where: { user: { usernameKey: 'racer' } } })).toBe(1);
  });

  const allowed = 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.';
  it.each([
    ['an empty username', { username: '' }, invalid('username', 'This field may not be blank.')],
    ['a blank username', { username: ' \t' }, invalid('username', 'This field may not be blank.')],
    ['a NUL', { username: 'a\0b' }, invalid('username', 'Control characters are not allowed.')],
    ['a lone surrogate', { username: 'a\ud800' }, invalid('username', 'Control characters are not allowed.')],
    ['white space', { username: 'a b' }, invalid('username', allowed)],
    ['a letter that cannot be seen', { username: 'admin\u3164' }, invalid('username', allowed)],
    ['a mark that cannot be seen', { username: 'admin\u034f' }, invalid('username', allowed)],
    ['a zero-width space', { username: 'a\u200bb' }, invalid('username', allowed)],
    [
      '5,000 characters',
      { username: 'x'.repeat(5_000) },
      invalid('username', 'Ensure this field has no more than 150 characters.'),
    ],
    ['an e-mail that is none', { username: 'ok', email: 'nowhere' }, invalid('email', 'Enter a valid email address.')],
    [
      'a short password',
      { username: 'ok', password: 'seven77' },
      invalid('password', 'This password is too short. It must contain at least 8 characters.'),
    ],
    [
      'a common password',
      { username: 'ok', password: 'PassWord1' },
      invalid('password', 'This password is too common.'),
    ],
    ['an empty password', { username: 'ok', password: '' }, invalid('password', 'This field may not be blank.')],
    [
      'a password of 4,097 bytes',
      { username: 'ok', password: `${'ö'.repeat(2_048)}!` },
      invalid('password', 'Ensure this field has no more than 4096 bytes.'),
    ],
    [
      'a password like the username',
      { username: 'Long.Username', password: 'long.username' },
      invalid('password', 'The password is the same as the username.'),
    ],
    [
      'a password like the e-mail',
      { username: 'ok', email: 'Me@example.org', password: 'me@example.org' },
      invalid('password', 'The password is the same as the email.'),
    ],
    [
      'a password that is no text',
      { username: 'ok', password: 'longenough\ud800' },
      invalid('password', 'This is not well-formed Unicode text.'),
    ],
  ])('refuses %s, naming the field, and stores nothing', async (_case, input, expected) => {
    const before = await database.user.count();
    const { status, body } = await create(input);
    expect({ status, result: body.data.createUser }).toEqual({ status: 200, result: expected });
    expect(await database.user.count()).toBe(before);
  });

  it('accepts a password of 4,096 bytes and one of 8 characters outside the BMP', async () => {
    expect((await create({ username: 'long', password: 'ö'.repeat(2_048) })).body.data.createUser.key).toMatch(/^tsr_/);
    expect((await create({ username: 'astral', password: '😀'.repeat(8) })).body.data.createUser.key).toMatch(/^tsr_/);
  });

  it('is for staff alone where registration is closed, who are shown no key', async () => {
    const closed = world.endpointWith({ REGISTRATION: 'closed' });
    const user = await makeUser();
    const staff = await makeUser('admin', { isStaff: true });
    expect(await create({ username: 'stranger' }, {}, closed)).toMatchObject({
      status: 401,
      body: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
    });
    expect(await create({ username: 'stranger' }, { key: user.key }, closed)).toMatchObject({
      status: 403,
      body: {
        errors: [{ message: 'You do not have permission to perform this action.', extensions: { code: 'FORBIDDEN' } }],
      },
    });
    const made = await create({ username: 'colleague' }, { key: staff.key }, closed);
    expect(made.body.data.createUser).toMatchObject({ __typename: 'CreatedUser', key: null });
    expect(await database.user.count({ where: { usernameKey: 'stranger' } })).toBe(0);
  });
});

describe('node', () => {
  const NODE =
    'query Node($id: ID!) { node(id: $id) { __typename id ... on User { username email } ... on Token { name user { username } } } }';

  async function idsOf(key: string) {
    const { body } = await request('{ me { id } currentToken { id } }', { key });
    return { userId: body.data.me.id as string, tokenId: body.data.currentToken.id as string };
  }

  async function node(id: string, key: string) {
    const { status, body } = await request(NODE, { key, variables: { id } });
    return { status, ...body };
  }

  it('finds one’s own user and token', async () => {
    const { key, user } = await makeUser();
    const { userId, tokenId } = await idsOf(key);
    expect(await node(userId, key)).toEqual({
      status: 200,
      data: { node: { __typename: 'User', id: userId, username: user.username, email: user.email } },
    });
    expect(await node(tokenId, key)).toEqual({
      status: 200,
      data: { node: { __typename: 'Token', id: tokenId, name: 'default', user: { username: user.username } } },
    });
  });

  it('hides those of others, except from staff', async () => {
    const owner = await makeUser();
    const other = await makeUser();
    const staff = await makeUser(undefined, { isStaff: true });
    for (const id of Object.values(await idsOf(owner.key))) {
      expect(await node(id, other.key)).toEqual({ status: 200, data: { node: null } });
      expect(await node(id, staff.key)).toMatchObject({ status: 200, data: { node: { id } } });
    }
  });

  it.each([
    '',
    'x',
    'VXNlcjo',
    btoa('User:1'),
    btoa("Token:' OR 1=1"),
    ` ${btoa('User:00000000-0000-0000-0000-000000000000')}!!`,
    btoa('Nothing:00000000-0000-0000-0000-000000000000'),
    '\0',
  ])('finds nothing under the id %j', async (id) => {
    const { key } = await makeUser();
    expect(await node(id, key)).toEqual({ status: 200, data: { node: null } });
  });
});
