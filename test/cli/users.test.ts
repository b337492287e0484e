import { beforeAll, describe, expect, it } from 'vitest';
import { startTessera, tessera } from '../program.ts';
import { openWorld, PASSWORD } from '../world.ts';

const OTHER_PASSWORD = 'another fine password';
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

// A server on the same database, which has it open all the while.
const { env, database, makeUser, request } = await openWorld();

function run(...parts: string[]) {
  return tessera(parts, env);
}

async function ask(query: string, key?: string) {
  return (await request(query, key === undefined ? {} : { key })).body;
}

function logIn(username: string, password: string) {
  return ask(
    `mutation { obtainAuthToken(input: { username: "${username}", password: "${password}" }) {
      __typename ... on IssuedToken { key } ... on Error { message } } }`,
  );
}

const REFUSED = { errors: [expect.objectContaining({ message: 'Invalid token.' })] };
const WRONG_LOGIN = {
  data: {
    obtainAuthToken: {
      __typename: 'InvalidCredentialsError',
      message: 'Unable to log in with provided credentials.',
    },
  },
};

function me(username: string) {
  return { data: { me: { username } } };
}

describe('user list', () => {
  beforeAll(async () => {
    await makeUser('Cora', { isStaff: true });
    await makeUser('root', { isStaff: true, isSuperuser: true });
    await database.$executeRawUnsafe(
      `INSERT INTO "User" ("username", "usernameKey", "email", "isActive", "dateJoined") VALUES
         ('ada', 'ada', 'ada@EXAMPLE.org', true, '2026-01-02T03:04:05Z'),
         ('b_b', 'b_b', NULL, false, '2026-01-02T03:04:05Z'),
         ('bob', 'bob', E'\\x1b[31mbob@example.net', true, '2026-01-02T03:04:05Z')`,
    );
  });

  it('shows everybody in the order of their names, and what would steer a terminal as what it is', async () => {
    const { code, stdout, stderr } = await run('user', 'list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '5 users.\n' });
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'yyyy-mm-dd hh:mm')).toBe(
      [
        'USERNAME  EMAIL                      ACTIVE  ROLE       DATE JOINED       LAST LOGIN',
        'ada       ada@EXAMPLE.org            yes     -          yyyy-mm-dd hh:mm  -',
        'b_b       -                          no      -          yyyy-mm-dd hh:mm  -',
        'bob       \\u{1b}[31mbob@example.net  yes     -          yyyy-mm-dd hh:mm  -',
        'Cora      Cora@example.org           yes     staff      yyyy-mm-dd hh:mm  -',
        'root      root@example.org           yes     superuser  yyyy-mm-dd hh:mm  -',
        '',
      ].join('\n'),
    );
  });

  it('is an array with --json: names as in the API, global ids, no hash of a password', async () => {
    const { code, stdout, stderr } = await run('user', 'list', '--json', '--search', 'ADA');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '1 user.\n' });
    const [row, ...others] = JSON.parse(stdout);
    expect(others).toEqual([]);
    expect(row).toEqual({
      id: expect.any(String),
      username: 'ada',
      email: 'ada@EXAMPLE.org',
      isActive: true,
      isStaff: false,
      isSuperuser: false,
      dateJoined: '2026-01-02T03:04:05.000Z',
      lastLogin: null,
    });
    expect(Buffer.from(row.id, 'base64').toString()).toMatch(/^User:[0-9a-f-]{36}$/);
  });

  it.each([
    [['--search', 'B_B'], ['b_b']],
    [
      ['--search', 'example.ORG'],
      ['ada', 'Cora', 'root'],
    ],
    [['--search', '%'], []],
    [['--search', '\\'], []],
    [['--inactive'], ['b_b']],
    [['--active', '--search', 'b'], ['bob']],
    [['--staff'], ['Cora', 'root']],
    [['--superuser'], ['root']],
    [
      ['--after', 'BOB'],
      ['Cora', 'root'],
    ],
    [['--after', 'bobby-who-is-nobody', '--limit', '1'], ['Cora']],
  ])('finds by %j', async (options, usernames) => {
    const { stdout } = await run('user', 'list', '--json', ...options);
    expect(JSON.parse(stdout).map(({ username }: { username: string }) => username)).toEqual(usernames);
  });

  it('gives pages, each naming the command that prints the next', async () => {
    const seen: string[] = [];
    let command = ['user', 'list', '--active', '--limit', '3', '--json'];
    const told: string[] = [];
    for (let page = 0; page < 2; page++) {
      const { stdout, stderr } = await run(...command);
      seen.push(...JSON.parse(stdout).map(({ username }: { username: string }) => username));
      told.push(stderr);
      command = (/^Next page: npx tessera (.*)$/m.exec(stderr)?.[1] ?? '').split(' ');
    }
    expect(seen).toEqual(['ada', 'bob', 'Cora', 'root']);
    expect(told).toEqual([
      '3 of 4 users.\nNext page: npx tessera user list --active --limit 3 --json --after Cora\n',
      '1 of 4 users.\n',
    ]);
  });

  it.each([['0'], ['10001'], ['1.5']])('exits 2 for --limit %s', async (limit) => {
    expect(await run('user', 'list', '--limit', limit)).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: option '--limit <number>' argument '${limit}' is invalid. It must be a whole number from 1 to 10000.\n`,
    });
  });

  it('ends in silence when its reader has left', async () => {
    const { child, finished } = startTessera(['user', 'list', '--json'], env);
    child.stdout.destroy();
    const { code, stderr } = await finished;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(\d+ users\.\n)?$/);
  });

  it('exits 2 for --active with --inactive', async () => {
    expect(await run('user', 'list', '--active', '--inactive')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('user show', () => {
  it('shows all but the hash of the password, for a person and as JSON', async () => {
    const { stdout, ...rest } = await run('user', 'show', 'ROOT', '--json');
    expect(rest).toEqual({ code: 0, stderr: '' });
    const shown = JSON.parse(stdout);
    expect(shown).toEqual({
      id: expect.any(String),
      username: 'root',
      email: 'root@example.org',
      isActive: true,
      isStaff: true,
      isSuperuser: true,
      dateJoined: INSTANT,
      lastLogin: null,
      hasPassword: true,
      tokenCount: 1,
    });
    expect(await run('user', 'show', 'root')).toEqual({
      code: 0,
      stdout: [
        `id            ${shown.id}`,
        'username      root',
        'email         root@example.org',
        'is active     yes',
        'is staff      yes',
        'is superuser  yes',
        `date joined   ${shown.dateJoined}`,
        'last login    -',
        'has password  yes',
        'token count   1',
        '',
      ].join('\n'),
      stderr: '',
    });
    expect((await run('user', 'show', 'bob')).stdout).toContain('\\u{1b}[31mbob@example.net');
  });

  it.each([['show'], ['activate'], ['deactivate'], ['delete', '--yes'], ['set-password', '--password-stdin']])(
    'says in one line that there is no such user: %s',
    async (verb, ...options) => {
      expect(await tessera(['user', verb, 'no\x1bbody', ...options], env, OTHER_PASSWORD)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'There is no user no\\u{1b}body. "npx tessera user list" shows who there is.\n',
      });
    },
  );
});

describe('while a server runs', () => {
  it('a new password ends the old one and every token at once, unless they are to be kept', async () => {
    const { key } = await makeUser('eve');
    await run('token', 'create', 'eve', '--name', 'deploy');
    expect(await ask('{ me { username } }', key)).toEqual(me('eve'));

    const parts = ['user', 'set-password', 'EVE', '--password-stdin'];
    expect(await tessera([...parts, '--keep-tokens'], env, `${OTHER_PASSWORD}\n`)).toEqual({
      code: 0,
      stdout: 'Set the password of user eve. The tokens are kept.\n',
      stderr: '',
    });
    expect(await ask('{ me { username } }', key)).toEqual(me('eve'));
    expect(await logIn('eve', PASSWORD)).toEqual(WRONG_LOGIN);

    expect(await tessera(parts, env, `${PASSWORD}\n`)).toEqual({
      code: 0,
      stdout: 'Set the password of user eve. Revoked 2 tokens.\n',
      stderr: '',
    });
    expect(await ask('{ me { username } }', key)).toEqual(REFUSED);
    expect(await logIn('eve', OTHER_PASSWORD)).toEqual(WRONG_LOGIN);
    expect(await logIn('eve', PASSWORD)).toMatchObject({
      data: { obtainAuthToken: { __typename: 'IssuedToken' } },
    });
  });

  it('a user who is deactivated is refused at once, and let in again with the same key', async () => {
    const { key } = await makeUser('finn');
    expect(await run('user', 'deactivate', 'finn')).toEqual({
      code: 0,
      stdout:
        'Deactivated user finn: the password and the keys are refused from now on. ' +
        'The tokens are kept (1 token); to bring them back: npx tessera user activate finn\n',
      stderr: '',
    });
    expect(await ask('{ me { username } }', key)).toMatchObject({
      errors: [{ message: 'User inactive or deleted.' }],
    });
    expect(await logIn('finn', PASSWORD)).toEqual(WRONG_LOGIN);
    expect(await run('user', 'deactivate', 'finn')).toEqual({
      code: 0,
      stdout: 'User finn is inactive already. Nothing was changed.\n',
      stderr: '',
    });

    expect(await run('user', 'activate', 'finn')).toEqual({
      code: 0,
      stdout: 'Activated user finn: the password and the keys (1 token) are accepted again.\n',
      stderr: '',
    });
    expect(await ask('{ me { username } }', key)).toEqual(me('finn'));
    expect(await run('user', 'activate', 'finn')).toEqual({
      code: 0,
      stdout: 'User finn is active already. Nothing was changed.\n',
      stderr: '',
    });
  });

  it('a user who is deleted is gone at once with all tokens, if that is confirmed', async () => {
    const { key } = await makeUser('gil');
    await run('token', 'create', 'gil', '--name', 'deploy');
    expect(await run('user', 'delete', 'gil')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no terminal to ask for a confirmation at. Nothing was done; confirm with --yes.\n',
    });
    expect(await ask('{ me { username } }', key)).toEqual(me('gil'));
    expect(await run('user', 'delete', 'gil', '--yes')).toEqual({
      code: 0,
      stdout: 'Deleted user gil, and 2 tokens with it.\n',
      stderr: '',
    });
    expect(await ask('{ me { username } }', key)).toEqual(REFUSED);
    expect(await database.user.count({ where: { usernameKey: 'gil' } })).toBe(0);
  });
});

describe('user set-password', () => {
  beforeAll(async () => {
    await makeUser('henrietta');
  });

  it.each([
    ['too short', 'short', 'password: This password is too short. It must contain at least 8 characters.\n'],
    ['too common', 'password', 'password: This password is too common.\n'],
    ['the username', 'HENRIETTA', 'password: The password is the same as the username.\n'],
    ['the e-mail', 'henrietta@EXAMPLE.org', 'password: The password is the same as the email.\n'],
    ['blank', '', 'password: This field may not be blank.\n'],
  ])('refuses a password that is %s, and then ends no token', async (_what, password, stderr) => {
    const answer = await tessera(['user', 'set-password', 'henrietta', '--password-stdin'], env, `${password}\n`);
    expect(answer).toEqual({ code: 1, stdout: '', stderr });
    expect(await database.token.count({ where: { user: { usernameKey: 'henrietta' } } })).toBe(1);
  });

  it('asks for a terminal, or for --password-stdin', async () => {
    expect(await run('user', 'set-password', 'root')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no terminal to ask for a password at. Send it with --password-stdin.\n',
    });
  });
});
