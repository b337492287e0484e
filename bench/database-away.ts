import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster } from '../test/database/cluster.ts';
import { createClient } from './client.ts';
import { query } from './postgres.ts';
import { ask, command, inFolder, median, start, table } from './program.ts';

const ROUNDS = 10;
const CONNECTIONS = 8;
const AWAY_MS = 3_000;
const PASSWORD = 'a fine long password';
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;

/** Of one kind of request: when it was answered for the first time, in milliseconds since PostgreSQL was back. */
type Recovery = Record<'read' | 'write', number>;

/**
 * How soon a server answers again after its PostgreSQL has come back: one of its own, stopped for three seconds and
 * started again under load, ten times. Counted from the first statement that PostgreSQL answers to anybody. Shape: a
 * table of milliseconds, and of the answers meanwhile by status.
 */
export async function databaseAway(): Promise<string> {
  const cluster = await startCluster().catch((error: Error) => error);
  if (cluster instanceof Error) return `Left out: PostgreSQL’s own programs are not here (${cluster.message}).`;
  try {
    return await inFolder(async (folder) => {
      const env = { DATABASE_URL: cluster.url, DATA_DIR: folder, TOKEN_SECRETS: 's'.repeat(32), LOG_LEVEL: 'silent' };
      await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
      const server = await start(env);
      const login = (await ask(server.url, LOGIN)) as { data: { obtainAuthToken: { key: string } } };
      const { key } = login.data.obtainAuthToken;
      const statuses: Record<string, number> = {};
      const client = createClient(CONNECTIONS, { query: '{ me { id username } }' });
      const create = (n: number) => ({ query: `mutation { createToken(input: { name: "n${n}" }) { __typename } }` });
      let last = { read: 0, write: 0, isStopped: false };
      async function keepAsking(kind: 'read' | 'write'): Promise<void> {
        for (let n = 0; !last.isStopped; n++) {
          const status = await client.ask(server, key, kind === 'write' ? create(n % 50) : undefined).catch(() => 0);
          statuses[`${kind}, ${status}`] = (statuses[`${kind}, ${status}`] ?? 0) + 1;
          if (status === 200 && last[kind] === 0) last[kind] = performance.now();
        }
      }
      const asking = Promise.all(
        Array.from({ length: CONNECTIONS }, (_, n) => keepAsking(n % 2 === 0 ? 'read' : 'write')),
      );
      const recoveries: Recovery[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await sleep(1_000);
        await cluster.stop(round % 2 === 0 ? 'fast' : 'immediate');
        await sleep(AWAY_MS);
        last = { read: 0, write: 0, isStopped: false };
        const back = whenBack(cluster.url);
        await cluster.start();
        const at = await back;
        while (last.read === 0 || last.write === 0) await sleep(5);
        recoveries.push({ read: Math.max(0, last.read - at), write: Math.max(0, last.write - at) });
      }
      last.isStopped = true;
      await asking;
      client.close();
      await server.stop();
      const rows = (['read', 'write'] as const).map((kind) => {
        const times = recoveries.map((recovery) => recovery[kind]);
        return [kind, median(times).toFixed(0), Math.max(...times).toFixed(0)];
      });
      const recovered = table([`${ROUNDS} times, ms after its return`, 'median', 'slowest'], rows);
      return `${recovered}\n\n${table(['what, and its status', 'answers'], Object.entries(statuses))}`;
    });
  } finally {
    await cluster.end();
  }
}

/** The instant at which it answers a statement. */
async function whenBack(url: string): Promise<number> {
  for (;;) {
    try {
      await query(url, 'SELECT 1');
      return performance.now();
    } catch {
      await sleep(5);
    }
  }
}
