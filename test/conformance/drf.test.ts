import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import { openWorld, PASSWORD } from '../world.ts';

// Django REST framework's own token tests, by their names where the case exists here.
// Source: rest_framework/tests/authentication/test_authentication.py and test_authtoken.py.

const world = await openWorld();
const { database, makeUser, request, tokenSecrets } = world;

const ME = '{ me { username } }';
const LOGIN = `mutation Login($username: String!, $password: String!, $name: String) {
  obtainAuthToken(input: { username: $username, password: $password, name: $name }) {
    __typename
    ... on IssuedToken { key token { id name kind } }
    ... on Error { message }
    ... on ValidationError { fields { path message } }
  }
}`;

function logIn(username: string, password = PASSWORD, headers: Record<string, string> = {}) {
  return request(LOGIN, { variables: { username, password }, headers });
}

function refused(message: string) {
  return {
    status: 401,
    body: { errors: [{ message, extensions: { code: 'AUTHENTICATION_FAILED' } }] },
    challenge: 'Token',
  };
}

async function outcome(headers: Record<string, string>, query = ME) {
  const reply = await request(query, { headers });
  return { status: reply.status, body: reply.body, challenge: reply.headers.get('www-authenticate') };
}

describe('TokenAuthTests', () => {
  it('test_post_json_passing_token_auth, and no CSRF is asked of token callers', async () => {
    const { key, user } = await makeUser();
    expect(await outcome({ authorization: `Token ${key}`, origin: 'https://elsewhere.example' })).toEqual({
      status: 200,
      body: { data: { me: { username: user.username } } },
      challenge: null,
    });
  });

  it('test_fail_authentication_if_user_is_not_active', async () => {
    const { key, user } = await makeUser();
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    expect(await outcome({ authorization: `Token ${key}` })).toEqual(refused('User inactive or deleted.'));
  });

  it('test_fail_post_form_passing_nonexistent_token_auth', async () => {
    const nobodys = keyOf({ id: newTokenId() }, tokenSecrets);
    expect(await outcome({ authorization: `Token ${nobodys}` })).toEqual(refused('Invalid token.'));
    expect(await outcome({ authorization: 'Token abcd1234' })).toEqual(refused('Invalid token.'));
  });

  it('test_fail_post_if_token_is_missing', async () => {
    expect(await outcome({ authorization: 'Token' })).toEqual(
      refused('Invalid token header. No credentials provided.'),
    );
  });

  it('test_fail_post_if_token_contains_spaces', async () => {
    expect(await outcome({ authorization: 'Token foo bar' })).toEqual(
      refused('Invalid token header. Token string should not contain spaces.'),
    );
  });

  it('test_fail_post_form_passing_invalid_token_auth', async () => {
    expect(await outcome({ authorization: 'Token \xa1\xff' })).toEqual(
      refused('Invalid token header. Token string should not contain invalid characters.'),
    );
  });

  it('refuses the key of a deleted user and a revoked or expired token alike', async () => {
    const deleted = await makeUser();
    await database.user.delete({ where: { id: deleted.user.id } });
    const revoked = await makeUser();
    await database.token.delete({ where: { id: revoked.token.id } });
    const expired = await makeUser();
    await database.token.update({ where: { id: expired.token.id }, data: { expiresAt: world.clock.now } });
    for (const { key } of [deleted, revoked, expired]) {
      expect(await outcome({ authorization: `Token ${key}` })).toEqual(refused('Invalid token.'));
    }
  });

  it('refuses bad credentials on public fields too', async () => {
    expect(await outcome({ authorization: 'Token abcd1234' }, '{ viewer { username } }')).toEqual(
      refused('Invalid token.'),
    );
    expect(await outcome({ authorization: 'Token abcd1234' }, '{ __typename }')).toEqual(refused('Invalid token.'));
  });

  it('test_post_json_makes_one_db_query', async () => {
    const { key } = await makeUser();
    world.queries.length = 0;
    expect((await request(ME, { key })).status).toBe(200);
    expect(world.queries).toEqual([expect.stringMatching(/^\s*SELECT .* FROM "Token" t JOIN "User" u/s)]);
  });

  it('test_post_form_failing_token_auth: without credentials', async () => {
    for (const headers of [
      {},
      { authorization: 'Digest abc' },
      { authorization: 'Bearer eyJhbGciOiJFZERTQSJ9.e30.x' },
    ]) {
      expect(await outcome(headers)).toEqual({
        status: 401,
        body: {
          errors: [
            { message: 'Authentication credentials were not provided.', extensions: { code: 'UNAUTHENTICATED' } },
          ],
        },
        challenge: 'Token',
      });
    }
  });

  it('test_token_has_auto_assigned_key_if_none_provided', async () => {
    const user = await database.user.create({
      data: { username: 'auto', usernameKey: 'auto' },
      include: { tokens: true },
    });
    expect(user.tokens).toHaveLength(1);
    expect(await request(ME, { key: keyOf(user.tokens[0] ?? { id: '' }, tokenSecrets) })).toMatchObject({
      body: { data: { me: { username: 'auto' } } },
    });
  });

  it('test_generate_key_returns_string, _returns_valid_format, _produces_unique_values, _collision_resistance', () => {
    const keys = Array.from({ length: 500 }, () => keyOf({ id: newTokenId() }, tokenSecrets));
    expect(keys.every((key) => /^tsr_[A-Za-z0-9_-]{43}$/.test(key))).toBe(true);
    expect(new Set(keys).size).toBe(500);
  });

  it('test_generate_key_randomness_quality: every bit of an id is set about half of the time', () => {
    const ids = Array.from({ length: 2_000 }, () => BigInt(`0x${newTokenId().replaceAll('-', '')}`));
    for (let bit = 0n; bit < 128n; bit++) {
      const set = ids.filter((id) => (id >> bit) & 1n).length;
      // Ten standard deviations: chance does not come here.
      expect(Math.abs(set - 1_000)).toBeLessThan(224);
    }
  });

  it('test_saving_existing_token_without_changes_does_not_alter_key', async () => {
    const { token, key } = await makeUser();
    const saved = await database.token.update({ where: { id: token.id }, data: { name: token.name } });
    expect(keyOf(saved, tokenSecrets)).toBe(key);
  });

  it('test_creating_token_with_existing_key_raises_integrity_error', async () => {
    const { token, user } = await makeUser();
    await expect(
      database.token.create({ data: { id: token.id, userId: user.id, name: 'other' } }),
    ).rejects.toMatchObject({
      code: 'P2002',
    });
  });

  it('test_token_login_json, and the same token is returned again', async () => {
    const { user, key } = await makeUser();
    const first = await logIn(user.username);
    expect(first.body).toEqual({
      data: {
        obtainAuthToken: {
          __typename: 'IssuedToken',
          key,
          token: { id: expect.any(String), name: 'default', kind: 'LOGIN' },
        },
      },
    });
    expect((await logIn(user.username)).body).toEqual(first.body);
  });

  it('test_token_login_json_bad_creds: wrong password, unknown user and inactive user alike', async () => {
    const { user } = await makeUser();
    const inactive = await makeUser();
    await database.user.update({ where: { id: inactive.user.id }, data: { isActive: false } });
    const replies = [
      await logIn(user.username, 'wrong'),
      await logIn('nobody-of-that-name'),
      await logIn(inactive.user.username),
    ];
    for (const { status, body } of replies) {
      expect({ status, body }).toEqual({
        status: 200,
        body: {
          data: {
            obtainAuthToken: {
              __typename: 'InvalidCredentialsError',
              message: 'Unable to log in with provided credentials.',
            },
          },
        },
      });
    }
  });

  it('test_token_login_json_missing_fields', async () => {
    const { status, body } = await request('mutation { obtainAuthToken(input: { username: "ada" }) { __typename } }');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        errors: [
          {
            message: 'Field "ObtainAuthTokenInput.password" of required type "String!" was not provided.',
            locations: [{ line: 1, column: 35 }],
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          },
        ],
      },
    });
  });

  it('refuses empty credentials, naming each field', async () => {
    expect((await logIn('', '')).body.data.obtainAuthToken).toEqual({
      __typename: 'ValidationError',
      message: 'username: This field may not be blank. password: This field may not be blank.',
      fields: [
        { path: ['username'], message: 'This field may not be blank.' },
        { path: ['password'], message: 'This field may not be blank.' },
      ],
    });
  });

  it('keeps white space in passwords', async () => {
    const spaced = '  a password with edges ';
    await request(
      `mutation { createUser(input: { username: "spaced", password: ${JSON.stringify(spaced)} }) { __typename } }`,
    );
    expect((await logIn('spaced', spaced)).body.data.obtainAuthToken.__typename).toBe('IssuedToken');
    expect((await logIn('spaced', spaced.trim())).body.data.obtainAuthToken.__typename).toBe('InvalidCredentialsError');
  });

  it('lets a stale header never get in the way of a login, unlike there', async () => {
    const { user } = await makeUser();
    const { body } = await logIn(user.username, PASSWORD, { authorization: 'Token stale' });
    expect(body.data.obtainAuthToken.__typename).toBe('IssuedToken');
  });
});

describe('AuthTokenCommandTests', () => {
  const cli = new URL('../../dist/cli.js', import.meta.url).pathname;

  function tessera(...parts: string[]) {
    return promisify(execFile)(process.execPath, [cli, ...parts], { env: { ...process.env, ...world.env } });
  }

  it('test_command_create_user_token, its output, and the key stays without --reset', async () => {
    const { user, key } = await makeUser();
    expect(await tessera('token', 'create', user.username)).toEqual({
      stdout: `Generated token ${key} for user ${user.username}\n`,
      stderr: '',
    });
  });

  it('test_command_create_user_token_invalid_user', async () => {
    await expect(tessera('token', 'create', 'not_existing_user')).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'Cannot create the Token: user not_existing_user does not exist\n',
    });
  });

  it('test_command_reset_user_token: the key changes, and the old one is dead', async () => {
    const { user, key } = await makeUser();
    const { stdout } = await tessera('token', 'create', user.username, '--reset');
    const [, fresh] = /^Generated token (tsr_\S{43}) for user /.exec(stdout) ?? [];
    expect(fresh).not.toBe(key);
    expect(await outcome({ token: key })).toEqual(refused('Invalid token.'));
    expect((await request(ME, { key: fresh ?? '' })).body).toEqual({ data: { me: { username: user.username } } });
  });
});

describe('AuthTokenAdmin', () => {
  it('never shows a key in a listing', async () => {
    const { user, key } = await makeUser();
    const listing = JSON.stringify(await database.user.findMany({ include: { tokens: true } }));
    expect(listing).toContain(user.id);
    expect(listing).not.toContain('tsr_');
    expect(listing).not.toContain(key.slice(-22));
  });
});
