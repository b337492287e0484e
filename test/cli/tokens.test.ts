import { beforeAll, describe, expect, it } from 'vitest';
import { tessera } from '../program.ts';
import { openWorld } from '../world.ts';

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

// A server on the same database, which has it open all the while.
const { env, database, makeUser, request } = await openWorld();

interface Listed {
  id: string;
  name: string;
  createdAt: string;
  expiresAt: string | null;
  user: { username: string };
}

function run(...parts: string[]) {
  return tessera(parts, env);
}

async function list(...options: string[]): Promise<Listed[]> {
  return JSON.parse((await run('token', 'list', '--json', ...options)).stdout);
}

function namesOf(tokens: Listed[]) {
  return tokens.map(({ user, name }) => `${user.username} ${name}`);
}

async function keyOf(...parts: string[]): Promise<string> {
  const { stdout } = await run('token', 'create', ...parts);
  return /tsr_\S+/.exec(stdout)?.[0] ?? '';
}

async function ask(key: string) {
  return (await request('{ me { username } currentToken { id } }', { key })).body;
}

beforeAll(async () => {
  await makeUser('Bea');
  await makeUser('ada');
  await run('token', 'create', 'ada', '--name', 'zeta');
  await run('token', 'create', 'ada', '--name', 'deploy', '--scope', 'account:read', '--scope', 'tokens:read');
});

describe('token list', () => {
  it('shows everybody’s tokens by username and name, and no key', async () => {
    const tokens = await list();
    const { code, stdout, stderr } = await run('token', 'list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '4 tokens.\n' });
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\d/g, 'yyyy-mm-dd').replaceAll(/\d\d:\d\d/g, 'hh:mm')).toBe(
      [
        'USER  NAME     KIND   CREATED     EXPIRES           SCOPES                    ID',
        `ada   default  LOGIN  yyyy-mm-dd  yyyy-mm-dd hh:mm  *                         ${tokens[0]?.id}`,
        `ada   deploy   API    yyyy-mm-dd  -                 account:read tokens:read  ${tokens[1]?.id}`,
        `ada   zeta     API    yyyy-mm-dd  -                 *                         ${tokens[2]?.id}`,
        `Bea   default  LOGIN  yyyy-mm-dd  yyyy-mm-dd hh:mm  *                         ${tokens[3]?.id}`,
        '',
      ].join('\n'),
    );
    expect(stdout).not.toContain('tsr_');
  });

  it('is an array with --json, of one user where one is named', async () => {
    const tokens = await list('ADA');
    expect(tokens[1]).toEqual({
      id: expect.any(String),
      name: 'deploy',
      kind: 'API',
      scopes: ['account:read', 'tokens:read'],
      createdAt: INSTANT,
      expiresAt: null,
      lastUsedAt: null,
      supersededAt: null,
      user: { id: expect.any(String), username: 'ada' },
    });
    expect(namesOf(tokens)).toEqual(['ada default', 'ada deploy', 'ada zeta']);
    expect(JSON.stringify(tokens)).not.toContain('tsr_');
  });

  it('tells when a login token ends, going by the lifetimes and its last use', async () => {
    const [token] = await list('bea');
    const created = new Date(token?.createdAt ?? '').getTime();
    const used = new Date(created + 3_600_000);
    expect(token?.expiresAt).toBe(new Date(created + 90 * 86_400_000).toISOString());
    const where = { name: 'default', user: { usernameKey: 'bea' } };
    await database.token.updateMany({ where, data: { lastUsedAt: used } });
    expect((await list('bea'))[0]).toMatchObject({
      expiresAt: new Date(used.getTime() + 90 * 86_400_000).toISOString(),
      lastUsedAt: used.toISOString(),
    });
  });

  it('gives pages, each naming the command that prints the next', async () => {
    const first = await run('token', 'list', '--limit', '3');
    const last = (await list())[2];
    expect(first.stderr).toBe(`3 of 4 tokens.\nNext page: npx tessera token list --limit 3 --after ${last?.id}\n`);
    expect(namesOf(await list('--limit', '3', '--after', last?.id ?? ''))).toEqual(['Bea default']);
    expect(namesOf(await list('ada', '--after', (await list())[0]?.id ?? ''))).toEqual(['ada deploy', 'ada zeta']);
  });

  it('marks superseded tokens, and makes names harmless', async () => {
    await database.$executeRawUnsafe(
      `INSERT INTO "Token" ("userId", "kind", "name", "supersededAt", "expiresAt")
       SELECT "id", 'API', E'\\x1b[2J', '2026-01-01T00:00:00Z', '2030-01-31T12:34:56Z' FROM "User" WHERE "usernameKey" = 'bea'`,
    );
    const { stdout } = await run('token', 'list', 'bea');
    expect(stdout).toContain('\\u{1b}[2J (superseded)');
    expect(stdout).toContain('2030-01-31 12:34');
    await run('token', 'revoke', '--user', 'bea', '--name', '\x1b[2J');
    expect(namesOf(await list('bea'))).toEqual(['Bea default']);
  });
});

describe('token revoke', () => {
  it('ends the tokens of these ids, which a server feels at once, and names those that are none', async () => {
    const keys = [await keyOf('ada', '--name', 'one'), await keyOf('ada', '--name', 'two')];
    const ids: string[] = [];
    for (const key of keys) {
      const { data } = await ask(key);
      ids.push(data.currentToken.id);
    }
    const [one = '', two = ''] = ids;
    expect(await run('token', 'revoke', one)).toEqual({
      code: 0,
      stdout: 'Revoked token "one" of user ada.\n',
      stderr: '',
    });
    expect(await ask(keys[0] ?? '')).toMatchObject({ errors: [{ message: 'Invalid token.' }] });
    expect(await ask(keys[1] ?? '')).toMatchObject({ data: { me: { username: 'ada' } } });
    expect(await run('token', 'revoke', one, two)).toEqual({
      code: 1,
      stdout: 'Revoked token "two" of user ada.\n',
      stderr: `There is no token ${one}: revoked already?\n`,
    });
    expect(await ask(keys[1] ?? '')).toMatchObject({ errors: [{ message: 'Invalid token.' }] });
  });

  it('ends the one of a name, or all of a user’s', async () => {
    expect(await run('token', 'revoke', '--user', 'ADA', '--name', 'deploy')).toEqual({
      code: 0,
      stdout: 'Revoked 1 token of user ada.\n',
      stderr: '',
    });
    expect(await run('token', 'revoke', '--user', 'ada', '--name', 'deploy')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'User ada has no token named "deploy". "npx tessera token list" shows them.\n',
    });
    const all = { code: 0, stdout: 'Revoked 2 tokens of user ada.\n', stderr: '' };
    expect(await run('token', 'revoke', '--user', 'ada')).toEqual(all);
    expect(await run('token', 'revoke', '--user', 'ada')).toEqual({
      ...all,
      stdout: 'Revoked 0 tokens of user ada.\n',
    });
    expect(namesOf(await list())).toEqual(['Bea default']);
  });

  it('does nothing when any of the ids is none', async () => {
    const [token] = await list('bea');
    for (const wrong of ['nonsense', Buffer.from('User:00000000-0000-0000-0000-000000000000').toString('base64')]) {
      expect(await run('token', 'revoke', token?.id ?? '', wrong)).toEqual({
        code: 1,
        stdout: '',
        stderr: `${wrong} is no token’s id. "npx tessera token list" shows them.\n`,
      });
    }
    expect(namesOf(await list('bea'))).toEqual(['Bea default']);
  });

  it('does not repeat a key that it is given instead of an id', async () => {
    const key = await keyOf('bea');
    const { code, stdout, stderr } = await run('token', 'revoke', key);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^That is a key, not an id, .*\n$/);
    expect(stderr).not.toContain(key);
  });

  it.each([[[]], [['--name', 'x']], [['someid', '--user', 'ada']], [['someid', '--name', 'x']]])(
    'exits 2 when it is not clear what is meant: %j',
    async (options) => {
      expect(await run('token', 'revoke', ...options)).toEqual({
        code: 2,
        stdout: '',
        stderr: 'error: name tokens by their ids, or by --user <username> and, if one alone is meant, --name <name>\n',
      });
    },
  );

  it('says that the token to list on after is gone', async () => {
    const nowhere = Buffer.from('Token:00000000-0000-0000-0000-000000000000').toString('base64');
    expect(await run('token', 'list', '--after', nowhere)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no token of the id that --after names. List again without --after.\n',
    });
  });
});
