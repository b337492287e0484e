import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import { findWays } from '../../src/conformance/at-hand.ts';
import type { Expected } from '../../src/conformance/case.ts';
import { TOKEN_CASES } from '../../src/conformance/cases.ts';
import { ME } from '../../src/conformance/documents.ts';
import type { Reply } from '../../src/conformance/exchange.ts';
import { runCase } from '../../src/conformance/run-case.ts';
import { startServer } from '../program.ts';
import { databaseOfItsOwn, openWorld } from '../world.ts';
import { makePeople } from './people.ts';

// Django REST framework's own token tests, by their names where the case exists here. What any server that speaks the
// contract must answer is the table that `tessera conformance` runs, too; here it meets the compiled server.
// Source: encode/django-rest-framework, tests/authentication/test_authentication.py and tests/test_authtoken.py.

/** The compiled server on a database of its own, and who is there to try it with. */
async function startPeopled(registration: 'open' | 'closed') {
  const own = await databaseOfItsOwn();
  afterAll(own.drop);
  const env = {
    ...own.env,
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    TOKEN_SECRETS: 't'.repeat(32),
    AUTHENTICATION: 'token,jwt,session,basic',
    JWT_ISSUER: 'https://tessera.test',
  };
  const { url, origin } = await startServer({ ...env, REGISTRATION: registration }, afterAll);
  const endpoint = { url: new URL(url), timeoutMs: 10_000 };
  const ways = await findWays(endpoint, origin);
  return { endpoint, atHand: { ...(await makePeople(env)), registration, origin, ways } };
}

/** Stricter than the table, which lets other servers add to an error: here the whole body is what it must be. */
function expectWhole(expected: Expected, { body, headers }: Reply): void {
  if ('data' in expected) {
    expect(Object.keys(body as object)).toEqual(['data']);
  } else {
    const { code, message } = expected;
    const where = code === 'GRAPHQL_VALIDATION_FAILED' ? { locations: [expect.anything()] } : {};
    expect(body).toEqual({
      errors: [{ message: wordsOf(message), extensions: { code }, ...where }],
    });
  }
  if (headers.vary === undefined) expect(headers['cache-control']).toBe('no-store');
  else expect(headers['cache-control']).toBe('private, no-store');
}

function wordsOf(message: string | undefined): unknown {
  if (message === undefined) return expect.any(String);
  return message.endsWith('<any text>') ? expect.stringContaining(message.slice(0, -10)) : message;
}

for (const registration of ['open', 'closed'] as const) {
  const tried = TOKEN_CASES.filter(
    ({ needs }) => needs.includes('closed registration') === (registration === 'closed'),
  );
  describe(`the table of token cases, where registration is ${registration}`, async () => {
    const { endpoint, atHand } = await startPeopled(registration);

    it.each(tried.map((each) => [each.drf ? `${each.drf}: ${each.name}` : each.name, each] as const))(
      '%s',
      async (_title, tokenCase) => {
        const seen: Reply[] = [];
        const row = await runCase(endpoint, tokenCase, atHand, (expected, reply) => {
          seen.push(reply);
          expectWhole(expected, reply);
        });
        expect(row).toEqual({ name: tokenCase.name, result: 'ok' });
        expect(seen).toHaveLength(tokenCase.steps.length);
      },
    );
  });
}

it('loses none of Django REST framework’s tests that the table has', () => {
  expect(new Set(TOKEN_CASES.flatMap(({ drf }) => drf ?? []))).toEqual(
    new Set([
      'test_post_form_failing_token_auth',
      'test_fail_post_if_token_is_missing',
      'test_fail_post_if_token_contains_spaces',
      'test_fail_post_form_passing_invalid_token_auth',
      'test_fail_post_form_passing_nonexistent_token_auth',
      'test_post_json_passing_token_auth',
      'test_fail_authentication_if_user_is_not_active',
      'test_token_login_json',
      'test_token_login_json_bad_creds',
      'test_token_login_json_missing_fields',
      // BasicAuthTests, and one of BasicAuthenticationUnitTests.
      'test_post_json_passing_basic_auth',
      'test_post_json_without_password_failing_basic_auth',
      'test_regression_handle_bad_base64_basic_auth_header',
      'test_fail_post_if_credentials_are_missing',
      'test_fail_post_if_credentials_contain_spaces',
      'test_basic_authentication_raises_error_if_user_not_active',
      // SessionAuthTests.
      'test_post_form_session_auth_failing_csrf',
      'test_post_form_session_auth_passing_csrf',
      'test_post_form_session_auth_failing',
    ]),
  );
});

const world = await openWorld();
const { database, makeUser, request, tokenSecrets } = world;

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
  it('refuses the key of a deleted user, of a token that never was, revoked or expired, alike', async () => {
    const nobodys = { key: keyOf({ id: newTokenId() }, tokenSecrets) };
    const deleted = await makeUser();
    await database.user.delete({ where: { id: deleted.user.id } });
    const revoked = await makeUser();
    await database.token.delete({ where: { id: revoked.token.id } });
    const expired = await makeUser();
    await database.token.update({ where: { id: expired.token.id }, data: { expiresAt: world.clock.now } });
    for (const { key } of [deleted, nobodys, revoked, expired]) {
      expect(await outcome({ authorization: `Token ${key}` })).toEqual(refused('Invalid token.'));
    }
  });

  it('test_post_json_makes_one_db_query', async () => {
    const { key } = await makeUser();
    world.queries.length = 0;
    expect((await request(ME, { key })).status).toBe(200);
    expect(world.queries).toEqual([expect.stringMatching(/^\s*SELECT .* FROM "Token" t JOIN "User" u/s)]);
  });

  it('passes over a Bearer that is no Tessera key, where no scheme is for it', async () => {
    const headers = { authorization: 'Bearer eyJhbGciOiJFZERTQSJ9.e30.x' };
    const reply = await request(ME, { headers }, world.endpointWith({ AUTHENTICATION: 'token' }));
    expect({ status: reply.status, body: reply.body, challenge: reply.headers.get('www-authenticate') }).toEqual({
      status: 401,
      body: {
        errors: [{ message: 'Authentication credentials were not provided.', extensions: { code: 'UNAUTHENTICATED' } }],
      },
      challenge: 'Token',
    });
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
