import { afterAll, describe, expect, it } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };

function createUser(...parts: string[]) {
  return tessera(['user', 'create', ...parts, '--password-stdin'], env, `${PASSWORD}\n`);
}

async function ask(url: string, query: string, key?: string) {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Token ${key}` }) },
    body: JSON.stringify({ query }),
  });
  return reply.json();
}

describe('tessera', () => {
  it('makes users and tokens while no server runs, which a server started later knows', async () => {
    expect(await createUser('ada', '--email', 'ada@example.org')).toEqual({
      code: 0,
      stdout: 'Created user ada.\n',
      stderr: '',
    });
    expect(await createUser('boss', '--staff')).toMatchObject({ code: 0 });
    expect(await createUser('root', '--superuser')).toMatchObject({ code: 0, stdout: 'Created superuser root.\n' });
    const { stdout } = await tessera(['token', 'create', 'ADA'], env);
    const key = /^Generated token (tsr_\S+) for user ada\n$/.exec(stdout)?.[1];
    const { url } = await startServer(env);
    expect(await ask(url, '{ me { username email isStaff isSuperuser } }', key)).toEqual({
      data: { me: { username: 'ada', email: 'ada@example.org', isStaff: false, isSuperuser: false } },
    });
  });

  it('works while the server runs, which feels a reset at once', async () => {
    await createUser('bob');
    const { url } = await startServer(env);
    const first = /tsr_\S+/.exec((await tessera(['token', 'create', 'bob'], env)).stdout)?.[0];
    expect(await ask(url, '{ me { username } }', first)).toEqual({ data: { me: { username: 'bob' } } });
    const second = /tsr_\S+/.exec((await tessera(['token', 'create', 'bob', '--reset'], env)).stdout)?.[0];
    expect(await ask(url, '{ me { username } }', first)).toMatchObject({ errors: [{ message: 'Invalid token.' }] });
    expect(await ask(url, '{ me { username } }', second)).toEqual({ data: { me: { username: 'bob' } } });
  });

  it('shows the key of a token made by hand only once', async () => {
    await createUser('carol');
    const made = await tessera(['token', 'create', 'carol', '--name', 'deploy'], env);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Generated token tsr_/) });
    const again = await tessera(['token', 'create', 'carol', '--name', 'deploy'], env);
    expect(again).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^The user has a token named "deploy" since \S+Z\. Its key is not shown again: .* --reset\.\n$/,
      ),
    });
    const reset = await tessera(['token', 'create', 'carol', '--name', 'deploy', '--reset'], env);
    expect(reset.code).toBe(0);
    expect(reset.stdout).not.toBe(made.stdout);
  });

  it.each([
    ['a user who exists', ['ada'], PASSWORD, 'A user with that username already exists.\n'],
    ['a weak password', ['dave'], 'password', 'password: This password is too common.\n'],
    ['a bad username', ['da ve'], PASSWORD, /^username: Enter a valid username\. [^\n]*\n$/],
    ['a bad e-mail', ['dave', '--email', 'x'], PASSWORD, 'email: Enter a valid email address.\n'],
  ])('refuses %s in one line', async (_case, parts, password, message) => {
    const { code, stdout, stderr } = await tessera(['user', 'create', ...parts, '--password-stdin'], env, password);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });

  it('asks for a terminal, or for --password-stdin', async () => {
    expect(await tessera(['user', 'create', 'eve'], env)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no terminal to ask for a password at. Send it with --password-stdin.\n',
    });
  });

  it.each([
    [['nonsense']],
    [['user', 'create']],
    [['token', 'create', 'ada', '--nonsense']],
    [['user', 'create', 'a', 'b']],
    [[]],
    [['user']],
  ])('exits 2 when it does not understand: %j', async (parts) => {
    const { code, stdout, stderr } = await tessera(parts, env);
    expect({ code, stdout, isTold: stderr.length > 0 }).toEqual({ code: 2, stdout: '', isTold: true });
  });

  it('helps, and exits 0', async () => {
    expect(await tessera(['--help'], env)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: tessera'),
    });
    expect(await tessera(['token', 'create', '--help'], env)).toMatchObject({ code: 0, stderr: '' });
  });

  it('migrates, and says so', async () => {
    expect(await tessera(['migrate'], env)).toEqual({ code: 0, stdout: 'The database is up to date.\n', stderr: '' });
  });

  it('refuses to mint keys under a secret that the database does not know', async () => {
    const foreign = { ...env, TOKEN_SECRETS: 'f'.repeat(32) };
    expect(await tessera(['token', 'create', 'ada'], foreign)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^TOKEN_SECRETS [^\n]* is not what this database’s keys were derived from\.[^\n]*TOKEN_SECRETS=new,old\.\n$/,
      ),
    });
  });

  it('rotates secrets without a flag day: keys of both are good while both are listed', async () => {
    const key = /tsr_\S+/.exec((await tessera(['token', 'create', 'ada'], env)).stdout)?.[0];
    const both = { ...env, TOKEN_SECRETS: `${'n'.repeat(32)},${'t'.repeat(32)}` };
    const renewed = /tsr_\S+/.exec((await tessera(['token', 'create', 'ada'], both)).stdout)?.[0];
    expect(renewed).not.toBe(key);
    const { url } = await startServer(both);
    for (const each of [key, renewed]) {
      expect(await ask(url, '{ me { username } }', each)).toEqual({ data: { me: { username: 'ada' } } });
    }
    const newAlone = { ...env, TOKEN_SECRETS: 'n'.repeat(32) };
    expect(await tessera(['token', 'create', 'ada'], newAlone)).toMatchObject({ code: 0 });
  });
});

describe('commands at once', () => {
  it('all do their work, whoever of them owns the embedded database', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `crowd${index}`);
    const made = await Promise.all(names.map((name) => createUser(name)));
    expect(made.map(({ code, stderr }) => ({ code, stderr }))).toEqual(names.map(() => ({ code: 0, stderr: '' })));
  });
});
