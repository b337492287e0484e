import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startCluster } from '../database/cluster.ts';
import { type StartedServer, startServer, tessera } from '../program.ts';
import { describeWith } from '../tools.ts';
import { openWorld, PASSWORD } from '../world.ts';
import { type Asker, createAskers } from './askers.ts';
import { hear } from './hear.ts';

const AWAY = { message: 'The database does not answer just now. Try again in a moment.', code: 'OVERLOADED' };
const GIVEN_UP_MS = 20_000;

async function until(isSo: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  for (const deadline = performance.now() + GIVEN_UP_MS; !(await isSo()); await sleep(10)) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what()}`);
  }
}

it('a request that waits too long for a connection is refused, says so, and is welcome again', async () => {
  const { makeUser, request, database } = await openWorld({ DATABASE_POOL_SIZE: '1', DATABASE_POOL_TIMEOUT: '1s' });
  const { key } = await makeUser();
  const ask = () => request('{ me { username } }', { key });
  const refused = await database.$transaction(async (transaction) => {
    await transaction.user.count();
    return ask();
  });
  expect([refused.status, refused.headers.get('retry-after'), refused.body]).toEqual([
    503,
    '1',
    { errors: [{ message: AWAY.message, extensions: { code: AWAY.code } }] },
  ]);
  expect((await ask()).status).toBe(200);
});

describeWith(['initdb', 'ps'], 'a server whose PostgreSQL goes away under load', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  let server: StartedServer;
  let stop = async () => {};
  let askers: Asker[];
  let key: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    cluster = await startCluster();
    env = {
      // A login that the database’s end has cut off counts as a wrong one.
      MAX_LOGIN_FAILURES: '1000000',
      MAX_LOGIN_FAILURES_PER_ADDRESS: '1000000',
      RATE_LIMIT_PER_ADDRESS: 'none',
      RATE_LIMIT_PER_USER: 'none',
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      TOKEN_SECRETS: 't'.repeat(32),
      MAX_TOKENS_PER_USER: '10000',
      MAX_TOKENS_PER_HOUR: '1000000',
      DATABASE_URL: cluster.url,
      // Few, so that none may be lost.
      DATABASE_POOL_SIZE: '3',
      DATABASE_POOL_TIMEOUT: '1s',
      DATABASE_STATEMENT_TIMEOUT: '1s',
    };
    await tessera(['user', 'create', 'ada', '--superuser', '--password-stdin'], env, PASSWORD);
    server = await startServer(env, (kill) => {
      stop = kill;
    });
    ({ askers, key } = await createAskers(server, AWAY));
  }, 60_000);
  afterAll(async () => {
    await stop();
    await cluster.end();
  });

  it('a statement that takes too long is ended, and its request refused; a command takes its time', async () => {
    const [other, watcher] = [1, 2].map(() => new pg.Client({ connectionString: cluster.url })) as [
      pg.Client,
      pg.Client,
    ];
    await Promise.all([other.connect(), watcher.connect()]);
    onTestFinished(async () => void (await Promise.all([other.end(), watcher.end()])));
    await other.query('BEGIN; LOCK TABLE "User"');
    const command = tessera(['user', 'list', '--json'], env);
    const login = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { __typename } }`;
    const reply = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: login }),
    });
    expect([reply.status, reply.headers.get('retry-after'), await reply.json()]).toEqual([
      503,
      '1',
      { data: null, errors: [expect.objectContaining({ message: AWAY.message, extensions: { code: AWAY.code } })] },
    ]);
    expect(server.output.stdout).toContain('canceling statement due to statement timeout');
    const longWaiting = `SELECT FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND now() - query_start > '1.5 seconds'`;
    await until(
      async () => (await watcher.query(longWaiting)).rows.length === 1,
      () => 'a command that waits',
    );
    await other.query('ROLLBACK');
    expect(await command).toMatchObject({ code: 0, stdout: expect.stringContaining('ada') });
  });

  const linesOf = (message: string) => server.output.stdout.split(`"msg":"${message}`).length - 1;
  const told = () => askers.map(({ name, answers }) => `${name}: ${JSON.stringify(answers)}`).join('\n');

  it.each<[string, () => void | Promise<void>, () => void | Promise<void>]>([
    ['shut down at once', () => cluster.stop('immediate'), () => cluster.start()],
    ['shut down in order', () => cluster.stop('fast'), () => cluster.start()],
    ['stopped in its tracks', () => cluster.freeze(), () => cluster.thaw()],
  ])(
    '%s: every answer is right or 503, and all is well when it is back',
    async (_name, leave, comeBack) => {
      const before = linesOf('changes are heard again');
      for (const asker of askers) asker.begin();
      await until(() => askers.every(({ answers }) => answers.right > 2), told);
      const heard = await hear(server.url, key);
      await leave();
      await until(() => askers.every(({ answers, needsDatabase }) => !needsDatabase || answers.refused > 2), told);
      // What is in memory was not to be trusted any more, and is not until the database is back.
      const known = askers.find(({ name }) => name === 'a known key');
      const rightBefore = known?.answers.right;
      const refusedBefore = known?.answers.refused ?? 0;
      await until(() => (known?.answers.refused ?? 0) > refusedBefore + 2, told);
      expect(known?.answers.right).toBe(rightBefore);
      await until(
        async () => (await fetch(`${server.origin}/health/ready`)).status === 503,
        () => 'not ready',
      );
      await until(
        () => heard.end === 'complete',
        () => 'the end of a stream',
      );
      expect(heard.results.at(-1)).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });

      await comeBack();
      const rightThen = askers.map(({ answers }) => answers.right);
      await until(() => askers.every(({ answers }, n) => answers.right > (rightThen[n] ?? 0) + 2), told);
      await until(
        () => linesOf('changes are heard again') === before + 1,
        () => 'a line',
      );
      await until(
        async () => (await fetch(`${server.origin}/health/ready`)).status === 200,
        () => 'ready',
      );
      await Promise.all(askers.map((asker) => asker.end()));
      expect(askers.flatMap(({ answers }) => answers.wrong)).toEqual([]);
    },
    90_000,
  );

  it('has noticed nothing that it took for a mistake of its own, and ends in order', async () => {
    server.child.kill('SIGTERM');
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
    const mistakes = server.output.stdout.split('\n').filter((line) => /"level":[56]0/.test(line));
    expect(mistakes.slice(0, 3)).toEqual([]);
  });
});
