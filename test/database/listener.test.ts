import { createServer, type Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { hearServer } from '../../src/database/listener.ts';
import { openDatabase } from '../../src/database/open.ts';
import { LEASE_MS } from '../../src/database/proofs.ts';
import { createLog } from '../../src/log.ts';
import { createEndpoint } from '../../src/serve.ts';
import { recordOutput } from '../recorder.ts';
import { databaseOfItsOwn, openWorld } from '../world.ts';
import { startProxy } from './proxy.ts';

const ME = '{ me { username } }';
const GIVEN_UP_MS = 10_000;
const HANGS_MS = 2_000;
const ROUNDS_A_CUT = 50;

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + GIVEN_UP_MS; !isSo(); await sleep(2)) {
    if (performance.now() > deadline) throw new Error('waited in vain');
  }
}

function openLog() {
  const lines: { level: number; msg: string; reason?: string }[] = [];
  const write = (line: string) => {
    lines.push(JSON.parse(line));
    recordOutput(line);
  };
  return { log: createLog({ env: 'test', logLevel: 'info' }, { write }), lines };
}

const NOT_HEARD = { level: 40, msg: 'changes are not heard: every request looks its key up' };
const HEARD_AGAIN = { level: 30, msg: 'changes are heard again: keys are remembered' };

/** What of it is told to the operator. */
function toldIn(lines: { level: number; msg: string; reason?: string }[]) {
  return lines
    .filter(({ msg }) => msg !== 'request')
    .map(({ level, msg, reason }) => (reason === undefined ? { level, msg } : { level, msg, reason }));
}

async function hangs(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => false), sleep(HANGS_MS, true)]);
}

describe.skipIf(inject('templateUrl') === null)('a node on PostgreSQL', async () => {
  if (inject('templateUrl') === null) {
    it.skip('an embedded database has no line that could be cut');
    return;
  }
  const world = await openWorld();
  const databaseUrl = world.config.databaseUrl ?? '';
  const proxy = await startProxy(databaseUrl);
  const node = await openNode({ DIRECT_DATABASE_URL: proxy.url });
  const other = new pg.Client({ connectionString: databaseUrl });
  await other.connect();
  afterAll(async () => {
    await node.close();
    await other.end();
    await proxy.end();
  });
  await until(node.changes.areHeard);
  afterEach(async () => {
    proxy.goOn();
    await until(node.changes.areHeard);
    node.lines.length = 0;
  });

  async function openNode(env: Record<string, string>) {
    const { config, secrets } = readConfig({ ...world.env, ...env });
    const { log, lines } = openLog();
    const queries: string[] = [];
    const open = await openDatabase({ config, secrets, log, asServer: true, onQuery: (sql) => queries.push(sql) });
    const endpoint = createEndpoint(config, secrets, open, log);
    return { ...open, lines, queries, endpoint };
  }

  async function statusOf(key: string, { endpoint } = node): Promise<number> {
    return (await world.request(ME, { key }, endpoint)).status;
  }

  async function queriesOf(work: () => Promise<unknown>, { queries } = node): Promise<number> {
    const before = queries.length;
    await work();
    return queries.length - before;
  }

  /** A key that the node has in memory. */
  async function makeKnown() {
    const subject = await world.makeUser();
    await node.changes.settle();
    await until(node.changes.areHeard);
    expect(await statusOf(subject.key)).toBe(200);
    expect(await queriesOf(() => statusOf(subject.key))).toBe(0);
    return subject;
  }

  const LISTENERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tessera changes'`;

  it('has two connections for it, of which one listens', async () => {
    const { rows } = await other.query(`SELECT query FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'tessera changes' ORDER BY query`);
    // The world's own node is the other.
    expect(rows.map(({ query }) => query.split(' ', 1)[0])).toEqual(['SELECT', 'SELECT', 'SET', 'SET']);
  });

  it('keeps nothing over a cut, and says once that changes are not heard and once that they are again', async () => {
    const { key } = await makeKnown();
    let isEmptied = false;
    const stop = node.changes.subscribe(({ table }) => {
      isEmptied ||= table === null;
    });
    await other.query(`${LISTENERS} AND query LIKE 'SET %'`);
    await until(() => isEmptied && node.changes.areHeard());
    stop();
    expect(await queriesOf(() => statusOf(key))).toBe(1);
    expect(await queriesOf(() => statusOf(key))).toBe(0);
    await until(() => toldIn(node.lines).length > 1);
    expect(toldIn(node.lines)).toEqual([
      { ...NOT_HEARD, reason: 'terminating connection due to administrator command' },
      HEARD_AGAIN,
    ]);
  });

  it('looks every request’s key up while the line is stopped, and goes on when it goes on', async () => {
    const { key } = await makeKnown();
    proxy.stop();
    await until(() => !node.changes.areHeard());
    for (let round = 0; round < 5; round++) expect(await queriesOf(() => statusOf(key))).toBe(1);
    proxy.goOn();
    await until(node.changes.areHeard);
    expect(await statusOf(key)).toBe(200);
    expect(await queriesOf(() => statusOf(key))).toBe(0);
    // What comes late by the same line was in order.
    expect(toldIn(node.lines)).toEqual([]);
  });

  it('gives up a line that stays silent, and answers mutations meanwhile', async () => {
    const { key, user } = await makeKnown();
    proxy.stop();
    await until(() => toldIn(node.lines).length > 0);
    expect(toldIn(node.lines)).toEqual([{ ...NOT_HEARD, reason: 'no notice has come in for 14 beats' }]);
    const revoke =
      'mutation Login($username: String!, $password: String!) { obtainAuthToken(input: { username: $username, password: $password }) { __typename } }';
    const variables = { username: user.username, password: 'a fine long password' };
    const answer = world.request(revoke, { variables }, node.endpoint);
    expect(await hangs(answer)).toBe(false);
    proxy.goOn();
    await until(node.changes.areHeard);
    expect(await queriesOf(() => statusOf(key))).toBe(1);
  });

  it.each<[string, () => Promise<unknown>, number]>([
    ['its connection is terminated', () => other.query(`${LISTENERS} AND query LIKE 'SET %'`), 60],
    ['its line is stopped', async () => proxy.stop(), 900],
  ])(
    `accepts no revoked key because ${'%s'}: ${ROUNDS_A_CUT} rounds under load`,
    async (_name, cut, longestMs) => {
      for (let round = 0; round < ROUNDS_A_CUT; round++) {
        const { key, token } = await makeKnown();
        const accepted: number[] = [];
        let isOver = false;
        async function caller(): Promise<void> {
          while (!isOver) {
            const startedAt = performance.now();
            if ((await statusOf(key)) === 200) accepted.push(startedAt);
            // Requests come in by sockets; so does what is told.
            await setImmediate();
          }
        }
        const callers = [caller(), caller(), caller(), caller()];
        const cutAfterMs = Math.random() * 30;
        const revokedAfterMs = Math.random() * 90;
        const brokenMs = Math.random() * longestMs;
        let revokedAt = Number.POSITIVE_INFINITY;
        await Promise.all([
          sleep(cutAfterMs)
            .then(cut)
            .then(() => sleep(brokenMs))
            .then(proxy.goOn),
          sleep(revokedAfterMs)
            .then(() => world.database.token.delete({ where: { id: token.id } }))
            .then(() => {
              revokedAt = performance.now();
            }),
        ]);
        await until(node.changes.areHeard);
        await node.changes.settle();
        isOver = true;
        await Promise.all(callers);
        const lastMs = Math.max(...accepted) - revokedAt;
        expect({ round, cutAfterMs, revokedAfterMs, brokenMs, lastMs, isFelt: lastMs <= LEASE_MS }).toMatchObject({
          isFelt: true,
        });
        expect(await statusOf(key)).toBe(401);
      }
    },
    90_000,
  );

  it('goes on listening where sessions that ask nothing are ended', async () => {
    const own = await databaseOfItsOwn();
    const { DATABASE_URL = '' } = own.env;
    await other.query(`ALTER DATABASE ${new URL(DATABASE_URL).pathname.slice(1)} SET idle_session_timeout = '250ms'`);
    const idle = await openNode({ DATABASE_URL });
    onTestFinished(async () => {
      await idle.close();
      await own.drop();
    });
    await until(idle.changes.areHeard);
    await sleep(800);
    expect(idle.changes.areHeard()).toBe(true);
    expect(toldIn(idle.lines).filter(({ msg }) => msg === NOT_HEARD.msg)).toEqual([]);
  });

  it('does not trust a DIRECT_DATABASE_URL that names another database, and says so', async () => {
    const foreign = await databaseOfItsOwn();
    const deaf = await openNode({ DIRECT_DATABASE_URL: foreign.env.DATABASE_URL ?? '' });
    onTestFinished(async () => {
      await deaf.close();
      await foreign.drop();
    });
    const { key, token } = await world.makeUser();
    for (let use = 0; use < 3; use++) expect(await queriesOf(() => statusOf(key, deaf), deaf)).toBe(1);
    await until(() => toldIn(deaf.lines).length > 0);
    const reason =
      'what is written by DATABASE_URL is not heard by DIRECT_DATABASE_URL, which must name the same database, past the pooler';
    expect(toldIn(deaf.lines)).toEqual([{ ...NOT_HEARD, reason }]);
    expect(deaf.changes.areHeard()).toBe(false);
    await world.database.token.delete({ where: { id: token.id } });
    expect(await statusOf(key, deaf)).toBe(401);
  });

  it('closes at once while its line is stopped, and while it is being connected', async () => {
    const stopped = await openNode({ DIRECT_DATABASE_URL: proxy.url });
    await until(stopped.changes.areHeard);
    proxy.stop();
    expect(await hangs(stopped.close())).toBe(false);
    const connecting = hearServer({ url: proxy.url, databaseUrl, log: openLog().log });
    await sleep(20);
    expect(await hangs(connecting.close())).toBe(false);
  });
});

describe('where nothing can be heard', () => {
  it.each([
    ['nothing listens', null, ''],
    ['the server says nothing', () => {}, ''],
    ['the server says nothing of TLS', () => {}, '?sslmode=no-verify'],
    [
      'the server stops in the middle of TLS',
      (socket: Socket) => socket.once('data', () => socket.write('S')),
      '?sslmode=no-verify',
    ],
    ['the server hangs up', (socket: Socket) => socket.destroy(), ''],
    ['the server talks of other things', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), ''],
  ])('%s: nothing is trusted, it is said once, and closing does not wait', async (_name, serve, query) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      serve?.(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    if (serve === null) await new Promise((resolve) => server.close(resolve));
    else onTestFinished(() => void server.close());
    const { log, lines } = openLog();
    const url = `postgresql://somebody:a-secret-password@127.0.0.1:${port}/nowhere${query}`;
    const changes = hearServer({ url, databaseUrl: url, log });
    // Long enough for several attempts, where they fail at once.
    await sleep(400);
    expect(changes.areHeard()).toBe(false);
    expect(await hangs(changes.settle())).toBe(false);
    expect(await hangs(changes.close())).toBe(false);
    expect(lines.length).toBeLessThanOrEqual(1);
    expect(JSON.stringify(lines)).not.toMatch(/a-secret-password|postgresql:/);
  });
});
