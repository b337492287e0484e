import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { startTessera, tessera } from '../program.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from '../world.ts';

const MANY = 20_000;

/** So many users as plain SQL inserts them. */
function insertUsers(count: number) {
  return `INSERT INTO "User" ("username", "usernameKey") SELECT 'user' || n, 'user' || n FROM generate_series(1, ${count}) n`;
}

const TOKENS_A_USER = `
  SELECT tokens, count(*)::int AS users
    FROM (SELECT count(t."id")::int AS tokens FROM "User" u LEFT JOIN "Token" t ON t."userId" = u."id" GROUP BY u."id") each
   GROUP BY tokens ORDER BY tokens`;

/** A database that no process has open, so that a command which is killed is the one that has it. */
async function databaseOfTheCommand() {
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: TOKEN_SECRET, LOG_LEVEL: 'silent' };
  async function sql<Row>(statement: string): Promise<Row[]> {
    const { config, secrets } = readConfig(env);
    const open = await openDatabase({ config, secrets, log: pino({ level: 'silent' }), asServer: false });
    try {
      return await open.database.$queryRawUnsafe<Row[]>(statement);
    } finally {
      await open.close();
    }
  }
  return { env, sql };
}

describe('token backfill', () => {
  it.each([
    ['SIGINT', { code: 130, stderr: /\nInterrupted: [\d,]+ tokens made\. Run it again to go on\.\n$/ }],
    ['SIGTERM', { code: 143, stderr: /\nInterrupted: [\d,]+ tokens made\. Run it again to go on\.\n$/ }],
    ['SIGKILL', { code: null, stderr: /users, [\d,]+ made\n$/ }],
  ] as const)(
    'goes on where %s ended it: whole batches are there, and then each user has exactly one',
    async (signal, end) => {
      const { env, sql } = await databaseOfTheCommand();
      await sql(insertUsers(MANY));
      const { child, output, finished } = startTessera(['token', 'backfill'], env);
      await new Promise((resolve) => child.stderr.once('data', resolve));
      child.kill(signal);
      const { code, stdout } = await finished;
      expect({ code, stdout }).toEqual({ code: end.code, stdout: '' });
      expect(output.stderr).toMatch(end.stderr);
      const [{ done = 0 } = {}] = await sql<{ done: number }>('SELECT count(*)::int AS done FROM "Token"');
      expect(done).toBeGreaterThan(0);
      expect(done).toBeLessThan(MANY);
      expect(done % 1_000).toBe(0);

      const again = await tessera(['token', 'backfill'], env);
      expect(again).toMatchObject({
        code: 0,
        stdout: `Made ${(MANY - done).toLocaleString('en')} tokens: every user has a login token.\n`,
      });
      expect(again.stderr.trim().split('\n').length).toBeLessThanOrEqual(20);
      expect(await sql(TOKENS_A_USER)).toEqual([{ tokens: 1, users: MANY }]);
    },
    120_000,
  );
});

describe('token backfill while a server runs', async () => {
  const world = await openWorld();
  const env: Record<string, string> = world.env;
  const { database, passwords, request, makeUser } = world;

  function backfill() {
    return tessera(['token', 'backfill'], env);
  }

  function logIn(username: string) {
    return request(`mutation { obtainAuthToken(input: { username: "${username}", password: "${PASSWORD}" }) {
      ... on IssuedToken { key } ... on Error { message } } }`);
  }

  async function isAnyoneWaiting(): Promise<boolean> {
    const waiting = await database.$queryRaw<unknown[]>`
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    return waiting.length > 0;
  }

  it('gives one login token to each user who has no live one, and touches no other', async () => {
    const kept = await makeUser('kept');
    const expired = await makeUser('expired');
    const old = { createdAt: new Date('2020-01-01T00:00:00Z'), expiresAt: new Date('2020-01-02T00:00:00Z') };
    await database.token.update({ where: { id: expired.token.id }, data: { ...old, lastUsedAt: old.createdAt } });
    const superseded = await makeUser('superseded');
    await database.token.update({ where: { id: superseded.token.id }, data: { supersededAt: old.createdAt } });
    const elsewhere = await makeUser('elsewhere');
    await database.token.update({ where: { id: elsewhere.token.id }, data: { name: 'laptop' } });
    const byHand = await makeUser('by-hand');
    await database.token.update({ where: { id: byHand.token.id }, data: { kind: 'API' } });
    await database.$executeRawUnsafe(insertUsers(1));

    expect(await backfill()).toEqual({
      code: 0,
      stdout: 'Made 3 tokens. 1 user got none, because a token made by hand is named "default".\n',
      stderr: '6 of 6 users, 3 made\n',
    });
    const tokens = await database.token.findMany({
      select: { id: true, name: true, kind: true, scopes: true, expiresAt: true, lastUsedAt: true, supersededAt: true },
      orderBy: [{ user: { usernameKey: 'asc' } }, { supersededAt: 'asc' }],
    });
    const login = {
      id: expect.any(String),
      name: 'default',
      kind: 'LOGIN',
      scopes: ['*'],
      expiresAt: null,
      lastUsedAt: null,
      supersededAt: null,
    };
    expect(tokens).toEqual([
      { ...login, id: byHand.token.id, kind: 'API' },
      { ...login, id: elsewhere.token.id, name: 'laptop' },
      login,
      { ...login, id: kept.token.id },
      { ...login, id: superseded.token.id, supersededAt: old.createdAt },
      login,
      login,
    ]);
    expect(tokens.map(({ id }) => id)).not.toContain(expired.token.id);
    expect(await database.token.count({ where: { createdAt: old.createdAt } })).toBe(0);
    expect((await request('{ me { username } }', { key: expired.key })).status).toBe(401);
    await database.user.deleteMany();
  });

  it('has nothing to do twice, nor where there is nobody', async () => {
    expect(await backfill()).toEqual({
      code: 0,
      stdout: 'There was no token to make: every user has a login token.\n',
      stderr: '',
    });
  });

  it('and two of them and logins at once give each user exactly one', async () => {
    const passwordHash = await passwords.hash(PASSWORD);
    await database.$executeRawUnsafe(insertUsers(3_000));
    await database.user.updateMany({ data: { passwordHash } });
    const logins = (async () => {
      const keys: string[] = [];
      for (let n = 1; n <= 60; n++) keys.push((await logIn(`user${n * 50}`)).body.data.obtainAuthToken.key);
      return keys;
    })();
    const [one, two, keys] = await Promise.all([backfill(), backfill(), logins]);
    const madeBy = ({ stdout }: { stdout: string }) =>
      Number(/^Made ([\d,]+)/.exec(stdout)?.[1]?.replaceAll(',', '') ?? 0);
    expect([one.code, two.code]).toEqual([0, 0]);
    expect(madeBy(one) + madeBy(two)).toBeLessThanOrEqual(3_000);
    expect(await database.$queryRawUnsafe(TOKENS_A_USER)).toEqual([{ tokens: 1, users: 3_000 }]);
    for (const key of keys) expect((await request('{ me { username } }', { key })).status).toBe(200);
    const again = await logIn('user50');
    expect(again.body.data.obtainAuthToken.key).toBe(keys[0]);
    await database.user.deleteMany();
  }, 120_000);

  it('leaves alone a token that a login makes in the middle of a batch', async () => {
    await database.$executeRawUnsafe(insertUsers(1));
    const user = await database.user.findFirstOrThrow();
    const [running, token] = await database.$transaction(
      async (transaction) => {
        const made = await transaction.token.create({ data: { userId: user.id } });
        const begun = backfill();
        // On the embedded database it waits for the whole transaction, on a server for the row alone.
        if (env.DATABASE_URL) while (!(await isAnyoneWaiting())) {}
        return [() => begun, made] as const;
      },
      { timeout: 30_000 },
    );
    expect(await running()).toMatchObject({ stdout: 'There was no token to make: every user has a login token.\n' });
    expect(await database.token.findMany()).toEqual([token]);
    await database.user.deleteMany();
  });

  it('leaves to a first login what was inserted since', async () => {
    await database.$executeRawUnsafe(insertUsers(1));
    await database.user.updateMany({ data: { passwordHash: await passwords.hash(PASSWORD) } });
    const { key } = (await logIn('user1')).body.data.obtainAuthToken;
    expect(await backfill()).toMatchObject({ stdout: 'There was no token to make: every user has a login token.\n' });
    expect((await request('{ me { username } }', { key })).body).toEqual({ data: { me: { username: 'user1' } } });
  });
});
