import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf } from '../src/auth/key.ts';
import { createClient } from './client.ts';
import { inDatabase, query } from './postgres.ts';
import { command, inFolder, median, type Started, start, table } from './program.ts';

const REVOCATIONS = 200;
const CALLERS = 4;
/** By when a revocation must be felt. */
const LATEST_MS = 100;
// Long past the last that could be accepted.
const WATCHED_MS = 150;
const ROUNDS = 5;
const ROUND_MS = 3_000;
const CONNECTIONS = 16;
const SECRET = 's'.repeat(32);
const ME = { query: '{ me { id username } }' };
const REVOKE = 'mutation Revoke($id: ID!) { revokeToken(id: $id) { __typename } }';

/**
 * How soon a revocation on one node is felt on another that has the key in memory and is asked with it all the time,
 * and what keys in memory are worth. Makes a database of its own on the server that BENCH_DATABASE_URL names.
 */
export async function revocation(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Skipped: BENCH_DATABASE_URL names no PostgreSQL server to measure on.';
  return inDatabase(serverUrl, (DATABASE_URL) =>
    inFolder(async (DATA_DIR) => {
      const env = { DATABASE_URL, DATA_DIR, TOKEN_SECRETS: SECRET, LOG_LEVEL: 'silent' };
      await command(['user', 'create', 'ada', '--password-stdin'], env, 'a fine long password');
      return `${await measureRevocations(env)}\n\n${await measureThroughput(env)}`;
    }),
  );
}

async function measureRevocations(env: { DATABASE_URL: string }): Promise<string> {
  const [revoker, ...keys] = await makeKeys(env.DATABASE_URL, REVOCATIONS + 1);
  const [here, there] = [await start(env), await start(env)];
  const client = createClient(CONNECTIONS, ME);
  const revokerKey = revoker?.key ?? '';
  for (const { key } of keys) await client.ask(there, key);
  const lastAccepted: number[] = [];
  const firstRefused: number[] = [];
  for (const { key, globalId } of keys) {
    const { accepted, refused, repliedAt } = await revokeUnderLoad(globalId, key);
    lastAccepted.push(Math.max(0, ...accepted.map((startedAt) => startedAt - repliedAt)));
    firstRefused.push(Math.min(...refused) - repliedAt);
  }
  client.close();
  for (const server of [here, there]) await server.stop();
  const slowest = Math.max(...lastAccepted);
  if (slowest > LATEST_MS) throw new Error(`A revoked key was accepted ${slowest.toFixed(1)} ms after the reply.`);
  const row = (name: string, times: number[]) => [name, median(times).toFixed(1), Math.max(...times).toFixed(1)];
  return table(
    [`${REVOCATIONS} revocations, ms after the reply`, 'median', 'slowest'],
    [row('last accepted on the other node', lastAccepted), row('first refused on the other node', firstRefused)],
  );

  async function revokeUnderLoad(id: string, key: string) {
    const accepted: number[] = [];
    const refused: number[] = [];
    let isOver = false;
    async function caller(): Promise<void> {
      while (!isOver) {
        const startedAt = performance.now();
        if ((await client.ask(there, key)) === 200) accepted.push(startedAt);
        else refused.push(performance.now());
      }
    }
    const callers = Array.from({ length: CALLERS }, caller);
    await sleep(20);
    const status = await client.ask(here, revokerKey, { query: REVOKE, variables: { id } });
    const repliedAt = performance.now();
    if (status !== 200) throw new Error(`The revocation was answered with ${status}.`);
    await sleep(WATCHED_MS);
    isOver = true;
    await Promise.all(callers);
    return { accepted, refused, repliedAt };
  }
}

async function measureThroughput(env: { DATABASE_URL: string }): Promise<string> {
  const [{ key } = { key: '' }] = await makeKeys(env.DATABASE_URL, 1);
  const servers = {
    'keys in memory': await start(env),
    'VIEWER_CACHE_SIZE=0': await start({ ...env, VIEWER_CACHE_SIZE: '0' }),
  };
  const rates = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, server] of Object.entries(servers)) {
      const rate = await rateOf(server, key);
      // The first warms up.
      if (round > 0) rates.set(name, [...(rates.get(name) ?? []), rate]);
    }
  }
  for (const server of Object.values(servers)) await server.stop();
  const base = median(rates.get('VIEWER_CACHE_SIZE=0') ?? []);
  const rows = [...rates].map(([name, each]) => [name, Math.round(median(each)), (median(each) / base).toFixed(2)]);
  return table([`{ me { id username } }, ${CONNECTIONS} connections`, 'requests a second', 'ratio'], rows);
}

async function rateOf(server: Started, key: string): Promise<number> {
  const client = createClient(CONNECTIONS, ME);
  const from = performance.now();
  let answered = 0;
  async function caller(): Promise<void> {
    while (performance.now() - from < ROUND_MS) {
      if ((await client.ask(server, key)) !== 200) throw new Error('A good key was refused.');
      answered += 1;
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
  client.close();
  return answered / ((performance.now() - from) / 1000);
}

async function makeKeys(databaseUrl: string, count: number): Promise<{ key: string; globalId: string }[]> {
  const rows = await query(
    databaseUrl,
    `INSERT INTO "Token" ("userId", "kind", "name")
     SELECT "id", 'API', gen_random_uuid()::text FROM "User", generate_series(1, ${count}) RETURNING "id"`,
  );
  return rows.map(({ id }) => ({
    key: keyOf({ id: String(id) }, [SECRET]),
    globalId: Buffer.from(`Token:${id}`).toString('base64'),
  }));
}
