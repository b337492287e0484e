import { describe, expect, it } from 'vitest';
import { declaredScopes } from '../../src/graphql/scopes.ts';
import { tessera } from '../program.ts';
import { openWorld, PASSWORD } from '../world.ts';

// A server on the same database, which has it open all the while.
const { env, database, makeUser, request } = await openWorld();

function create(...parts: string[]) {
  return tessera(['token', 'create', ...parts], env);
}

function keyIn(stdout: string): string {
  return /^Generated token (tsr_[\w-]{43}) for user \S+\n$/.exec(stdout)?.[1] ?? '';
}

async function currentToken(key: string) {
  return (await request('{ currentToken { name kind scopes expiresAt } }', { key })).body.data?.currentToken;
}

describe('token create', () => {
  it('makes a token by hand with the scopes and the end that it is given, and says them', async () => {
    await makeUser('ada');
    const until = '2099-01-31T12:00:00.000Z';
    const scopes = ['--scope', 'tokens:read', '--scope', 'account:read', '--scope', 'tokens:read'];
    const made = await create('ada', '--name', 'deploy', ...scopes, '--expires', '2099-01-31T13:00:00+01:00');
    expect(made).toMatchObject({ code: 0, stderr: `scopes: tokens:read account:read; expires: ${until}\n` });
    expect(await currentToken(keyIn(made.stdout))).toEqual({
      name: 'deploy',
      kind: 'API',
      scopes: ['tokens:read', 'account:read'],
      expiresAt: until,
    });
  });

  it('makes one that may do all and does not end, unless told', async () => {
    await makeUser('bea');
    const made = await create('bea', '--name', 'all');
    expect(made).toMatchObject({ code: 0, stderr: 'scopes: *; expires: never\n' });
    expect(await currentToken(keyIn(made.stdout))).toEqual({
      name: 'all',
      kind: 'API',
      scopes: ['*'],
      expiresAt: null,
    });
    const before = Date.now();
    const short = await create('bea', '--name', 'short', '--expires', '90m', '--scope', '*');
    const ms = Date.parse((await currentToken(keyIn(short.stdout))).expiresAt);
    expect(ms).toBeGreaterThanOrEqual(before + 5_400_000);
    expect(ms).toBeLessThanOrEqual(Date.now() + 5_400_000);
  });

  it('refuses what is no scope and what is over, with what was given, and makes nothing', async () => {
    const { user } = await makeUser('cleo');
    const known = declaredScopes()
      .map(({ name }) => name)
      .join(', ');
    expect(await create('cleo', '--name', 'x', '--scope', 'account:read', '--scope', 'notes:raed')).toEqual({
      code: 1,
      stdout: '',
      stderr: `--scope must be one of *, ${known} (got "notes:raed").\n`,
    });
    expect(await create('cleo', '--name', 'x', '--expires', '2020-01-31T12:00:00Z')).toEqual({
      code: 1,
      stdout: '',
      stderr: '--expires must be in the future (got 2020-01-31T12:00:00.000Z).\n',
    });
    expect(await create('cleo', '--name', ' ')).toMatchObject({
      code: 1,
      stderr: 'name: This field may not be blank.\n',
    });
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
  });

  it.each([
    [['--scope', 'account:read'], /^error: --scope and --expires are for tokens made by hand/],
    [['--expires', '30d', '--name', 'default'], /^error: --scope and --expires are for tokens made by hand/],
    [['--name', 'x', '--expires', 'soon'], /^error: option '--expires <when>' argument 'soon' is invalid/],
    [['--name', 'x', '--expires', '2030-01-31'], /^error: option '--expires <when>' argument '2030-01-31' is invalid/],
  ])('exits 2 for %j', async (options, message) => {
    await makeUser();
    const { code, stdout, stderr } = await create('user1', ...options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('keeps to the limit, in whose stead --reset and the login token still come through', async () => {
    const { user } = await makeUser('dora');
    const few = { ...env, MAX_TOKENS_PER_USER: '2' };
    const run = (...parts: string[]) => tessera(['token', 'create', 'dora', ...parts], few);
    expect(await run('--name', 'one')).toMatchObject({ code: 0 });
    expect(await run('--name', 'two')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'name: A user may have 2 tokens, and one place is kept for the login token "default". ' +
        'Revoke a token that is not needed any more.\n',
    });
    for (const options of [['--name', 'one', '--reset'], ['--reset'], []]) {
      expect(await run(...options)).toMatchObject({ code: 0 });
    }
    expect(await database.token.count({ where: { userId: user.id } })).toBe(2);
  });

  it('leaves a login token of the name as it is, --reset or not', async () => {
    const { user } = await makeUser('finn');
    const logIn = async () => {
      const { body } = await request(
        `mutation { obtainAuthToken(input: { username: "finn", password: "${PASSWORD}", name: "phone" }) { ... on IssuedToken { key } } }`,
      );
      return body.data.obtainAuthToken;
    };
    const phone = await logIn();
    for (const options of [[], ['--reset']]) {
      expect(await create('finn', '--name', 'phone', ...options)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'A login token has the name "phone": choose another --name.\n',
      });
    }
    expect(await logIn()).toEqual(phone);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(2);
  });

  it('with --reset ends the keys of that name, a superseded one too', async () => {
    const { user } = await makeUser('eve');
    const old = keyIn((await create('eve', '--name', 'deploy')).stdout);
    const id = (await request('{ currentToken { id } }', { key: old })).body.data.currentToken.id;
    const rotated = await request(
      `mutation { rotateToken(input: { id: "${id}", overlapSeconds: 60 }) { ... on IssuedToken { key } } }`,
      { key: old },
    );
    const keys = [old, rotated.body.data.rotateToken.key];
    for (const key of keys) expect(await currentToken(key)).toMatchObject({ name: 'deploy' });
    const fresh = keyIn((await create('eve', '--name', 'deploy', '--reset')).stdout);
    for (const key of keys) expect(await currentToken(key)).toBeUndefined();
    expect(await currentToken(fresh)).toMatchObject({ name: 'deploy' });
    expect(await database.token.count({ where: { userId: user.id } })).toBe(2);
  });
});
