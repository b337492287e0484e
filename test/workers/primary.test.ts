import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { parseScrape } from '../http/scraped.ts';
import { type StartedServer, startServer, tessera } from '../program.ts';
import { openWorld } from '../world.ts';
import { ask, openClient } from './asked.ts';

const TYPENAME = '{ __typename }';

describe('WORKERS', () => {
  it('are refused on the embedded database', async () => {
    expect(await tessera(['serve'], { WORKERS: '2' })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'The configuration is not usable:\n  WORKERS must be 1 on the embedded database, which belongs to one process. Set DATABASE_URL to a PostgreSQL server (got "2")\n',
    });
  });
});

describe.skipIf(inject('templateUrl') === null)('two workers', { timeout: 60_000 }, async () => {
  if (inject('templateUrl') === null) return;
  const world = await openWorld();
  const env = { ...world.env, WORKERS: '2' };

  /** The process that has logged this request. */
  function pidOf({ output }: StartedServer, requestId: string): number {
    const line = output.stdout.split('\n').find((text) => text.includes(`"requestId":"${requestId}"`));
    return line ? JSON.parse(line).pid : 0;
  }

  /** Who answers at this connection of a client's. */
  async function answering(server: StartedServer, client: (query: string) => ReturnType<typeof ask>): Promise<number> {
    const { status, requestId } = await client(TYPENAME);
    expect(status).toBe(200);
    await expect.poll(() => pidOf(server, requestId)).not.toBe(0);
    return pidOf(server, requestId);
  }

  /** Two clients, each of another worker, and these workers' processes. */
  async function clientsOfBoth(server: StartedServer) {
    const clients = [openClient(server.url), openClient(server.url)] as const;
    const pids: [number, number] = [await answering(server, clients[0]), await answering(server, clients[1])];
    return { clients, pids };
  }

  function isRunning(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  /** A login that takes its time and is under way, and how to wait for its answer. */
  async function loginUnderWayOf(server: StartedServer) {
    const query =
      'mutation { obtainAuthToken(input: { username: "root", password: "x" }) { ... on Error { message } } }';
    const answer = ask(server.url, query);
    answer.catch(() => {});
    await expect.poll(async () => (await scrape(server)).get('tessera_passwords_active'), { interval: 5 }).toBe(1);
    return () => answer;
  }

  function metricsUrlOf({ output }: StartedServer): string {
    return /"metrics":"([^"]+)"/.exec(output.stdout)?.[1] ?? '';
  }

  async function scrape(server: StartedServer) {
    return parseScrape(await (await fetch(metricsUrlOf(server))).text());
  }

  const REFUSED = { data: { obtainAuthToken: { message: 'Unable to log in with provided credentials.' } } };
  const SLOW = { ...env, METRICS_PORT: '0', BCRYPT_COST: '14' };
  const COUNTED = 'tessera_requests_total{endpoint="/graphql",outcome="ok",status="2xx"}';

  it('answer at one port, and are announced once', async () => {
    const server = await startServer(env);
    const { pids } = await clientsOfBoth(server);
    expect(new Set([...pids, server.child.pid]).size).toBe(3);
    expect(server.output.stdout.match(/Tessera is ready/g)).toHaveLength(1);
    expect(server.output.stderr).toBe('');
  });

  it('are two again when one is killed, and meanwhile nobody is sent away', async () => {
    const server = await startServer(env);
    const { pids } = await clientsOfBoth(server);
    process.kill(pids[0], 'SIGKILL');
    await expect.poll(() => server.output.stdout).toContain('a worker has ended; another takes its place');
    const requestIds: string[] = [];
    const statuses = new Set<number>();
    const seen = () => new Set(requestIds.map((requestId) => pidOf(server, requestId)));
    await expect
      .poll(
        async () => {
          const { status, requestId } = await ask(server.url, TYPENAME);
          statuses.add(status);
          requestIds.push(requestId);
          return [...seen()].filter((pid) => ![0, ...pids].includes(pid)).length;
        },
        { timeout: 20_000, interval: 5 },
      )
      .toBe(1);
    expect([...statuses]).toEqual([200]);
    expect(seen().has(pids[1])).toBe(true);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('take the port again that was any free one, when both are killed', async () => {
    const server = await startServer(env);
    const { pids } = await clientsOfBoth(server);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const isBack = () =>
      ask(server.url, TYPENAME).then(
        ({ status }) => status === 200,
        () => false,
      );
    await expect.poll(() => server.output.stdout.match(/a worker has ended/g)?.length).toBe(2);
    await expect.poll(isBack, { timeout: 20_000 }).toBe(true);
  });

  it('finish a login that is in flight at SIGTERM, and all exit with 0', async () => {
    const server = await startServer(SLOW);
    const { pids } = await clientsOfBoth(server);
    const answer = await loginUnderWayOf(server);
    for (const pid of [server.child.pid ?? 0, ...pids]) process.kill(pid, 'SIGTERM');
    expect((await answer()).body).toEqual(REFUSED);
    const { code, stdout, stderr } = await server.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/SIGTERM received/g)).toHaveLength(1);
    expect(stdout).not.toContain('a worker has ended');
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it('end at once at a second signal', async () => {
    const server = await startServer(SLOW);
    const { pids } = await clientsOfBoth(server);
    const answer = await loginUnderWayOf(server);
    server.child.kill('SIGINT');
    await expect.poll(() => server.output.stdout).toContain('SIGINT received');
    server.child.kill('SIGINT');
    expect((await server.finished).code).toBe(1);
    await expect(answer()).rejects.toThrow();
    await expect.poll(() => pids.map(isRunning), { timeout: 20_000 }).toEqual([false, false]);
  });

  it('finish what is in flight, and end, when the primary is killed', async () => {
    const server = await startServer(SLOW);
    const { pids } = await clientsOfBoth(server);
    const answer = await loginUnderWayOf(server);
    server.child.kill('SIGKILL');
    expect((await answer()).body).toEqual(REFUSED);
    await expect.poll(() => pids.map(isRunning), { timeout: 20_000 }).toEqual([false, false]);
  });

  it('refuse a key that the other has revoked', async () => {
    const server = await startServer(env);
    const { clients, pids } = await clientsOfBoth(server);
    expect(pids[0]).not.toBe(pids[1]);
    const { key, token } = await world.makeUser();
    for (const client of clients) expect((await client('{ me { id } }', key)).status).toBe(200);
    const id = Buffer.from(`Token:${token.id}`).toString('base64');
    const { body } = await clients[0](`mutation { revokeToken(id: "${id}") { __typename } }`, key);
    expect(body).toEqual({ data: { revokeToken: { __typename: 'RevokedToken' } } });
    await expect.poll(async () => (await clients[1]('{ me { id } }', key)).status).toBe(401);
    expect((await clients[0]('{ me { id } }', key)).status).toBe(401);
  });

  it('are counted as one server, and what a dead one has counted stays', async () => {
    const server = await startServer({ ...env, METRICS_PORT: '0' });
    const { clients, pids } = await clientsOfBoth(server);
    for (const client of clients) for (let n = 0; n < 4; n++) await client(TYPENAME);
    const before = await scrape(server);
    expect([before.get(COUNTED), before.get('tessera_workers')]).toEqual([10, 2]);
    process.kill(pids[0], 'SIGKILL');
    await expect.poll(() => server.output.stdout).toContain('a worker has ended');
    expect((await scrape(server)).get(COUNTED)).toBe(10);
    await expect.poll(async () => (await scrape(server)).get('tessera_workers'), { timeout: 20_000 }).toBe(2);
    expect((await scrape(server)).get(COUNTED)).toBe(10);
  });

  it('are counted without one that does not answer, but for what it has counted before', async () => {
    const server = await startServer({ ...env, METRICS_PORT: '0' });
    const { pids } = await clientsOfBoth(server);
    expect((await scrape(server)).get(COUNTED)).toBe(2);
    process.kill(pids[0], 'SIGSTOP');
    const all = await scrape(server);
    process.kill(pids[0], 'SIGCONT');
    expect([all.get(COUNTED), all.get('tessera_workers')]).toEqual([2, 1]);
  });

  it('show the figures of both at their own port, too', async () => {
    const METRICS_TOKEN = 'm'.repeat(32);
    const server = await startServer({ ...env, METRICS_TOKEN });
    await clientsOfBoth(server);
    const response = await fetch(`${server.origin}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
    const all = parseScrape(await response.text());
    expect([all.get(COUNTED), all.get('tessera_workers')]).toEqual([2, 2]);
  });

  it('share the limits of one server', async () => {
    const server = await startServer({ ...env, RATE_LIMIT_PER_ADDRESS: '100', MAX_CONNECTIONS: '2' });
    const { clients } = await clientsOfBoth(server);
    expect((await clients[0](TYPENAME)).policy).toBe('"address";q=50;w=60');
    const { hostname, port } = new URL(server.origin);
    const oneTooMany = connect(Number(port), hostname);
    onTestFinished(() => void oneTooMany.destroy());
    oneTooMany.on('error', () => {});
    await once(oneTooMany, 'close');
    for (const client of clients) expect((await client(TYPENAME)).status).toBe(200);
  });

  it('say once that they cannot start', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const many = { ...env, WORKERS: '3' };
    expect(await tessera(['serve'], { ...many, PORT: String(port) })).toEqual({
      code: 1,
      stdout: '',
      stderr: `PORT ${port} on 127.0.0.1 is in use. Stop what listens there, or set PORT to another.\n`,
    });
    const away = { ...many, PORT: '0', DATABASE_URL: 'postgresql://u:hidden@127.0.0.1:1/none' };
    expect(await tessera(['serve'], away)).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'DATABASE_URL cannot be connected to (connect ECONNREFUSED 127.0.0.1:1): nothing listens there. Start PostgreSQL, or correct the host and port.\n',
    });
  });
});
