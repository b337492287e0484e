import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { keyOf } from '../src/auth/key.ts';
import { createClient } from './client.ts';
import { inDatabase, query } from './postgres.ts';
import { command, inFolder, median, type Started, startScript, table } from './program.ts';

const SERVER = fileURLToPath(new URL('last-used-server.mjs', import.meta.url));
const TOKENS = 3_000;
const NODES = 2;
const ROUNDS = 5;
const ROUND_MS = 5_000;
/** Longer than uses wait to be written: what one round has noted is not written in the next one's time. */
const PAUSE_MS = 5_500;
const CONNECTIONS_A_NODE = 16;
const SECRET = 'm'.repeat(32);

/**
 * What it costs to write when tokens were used: requests a second that two servers on one PostgreSQL answer to 3,000
 * tokens, with and without, in turns. The servers' clock runs so fast that nearly every request is a use to be written.
 * Needs BENCH_DATABASE_URL, on whose server it makes a database of its own.
 */
export async function lastUsed(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Skipped: BENCH_DATABASE_URL names no PostgreSQL server to measure on.';
  return inDatabase(serverUrl, (url) => inFolder((folder) => measure(url, folder)));
}

async function measure(DATABASE_URL: string, DATA_DIR: string): Promise<string> {
  const env = { DATABASE_URL, DATA_DIR, TOKEN_SECRETS: SECRET, LOG_LEVEL: 'silent' };
  await command(['migrate'], env);
  const keys = await makeKeys(DATABASE_URL);
  const startNode = async (kind: string) => ({ ...(await startScript(SERVER, [kind], env)), keys, asked: 0 });
  const start = (kind: string) => Promise.all(Array.from({ length: NODES }, () => startNode(kind)));
  const without = await start('not');
  const written = await start('written');
  const rates: Record<'without' | 'written', number>[] = [];
  async function writing(): Promise<number> {
    const rate = await load(written);
    await sleep(PAUSE_MS);
    return rate;
  }
  // The first round fills the caches.
  for (let round = 0; round <= ROUNDS; round++) {
    const before = round % 2 === 0 ? await load(without) : null;
    const measured = { written: await writing(), without: before ?? (await load(without)) };
    if (round > 0) rates.push(measured);
  }
  await Promise.all([...without, ...written].map((server) => server.stop()));
  const [stored] = await query(
    DATABASE_URL,
    `SELECT (SELECT count(*)::int FROM "Token" WHERE "lastUsedAt" IS NOT NULL) AS used,
            (SELECT n_tup_upd::int FROM pg_stat_user_tables WHERE relname = 'Token') AS updates,
            (SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`,
  );
  const used = Math.min(TOKENS, Math.max(...written.map(({ asked }) => asked)));
  if (stored?.used !== used) throw new Error(`${stored?.used} of ${used} tokens have a last use.`);
  const ratios = rates.map((each) => each.written / each.without);
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  const row = (name: string, kind: 'without' | 'written', ...rest: unknown[]) => [
    name,
    Math.round(median(rates.map((each) => each[kind]))),
    ...rest.map(String),
  ];
  return table(
    ['last use', 'requests a second', 'ratio', 'of the rounds', 'rows written', 'deadlocks'],
    [
      row('not written', 'without', '1.000', '', 0, 0),
      row('written', 'written', median(ratios).toFixed(3), spread, stored.updates, stored.deadlocks),
    ],
  );
}

async function makeKeys(url: string): Promise<string[]> {
  await query(
    url,
    `INSERT INTO "User" ("username", "usernameKey") SELECT 'user' || n, 'user' || n FROM generate_series(1, ${TOKENS}) n`,
  );
  const rows = await query(url, 'INSERT INTO "Token" ("userId") SELECT "id" FROM "User" RETURNING "id"');
  return rows.map(({ id }) => keyOf({ id: String(id) }, [SECRET]));
}

/** A server, and how often it has been asked: each token in its turn. */
interface Node extends Started {
  keys: string[];
  asked: number;
}

/** Requests a second that these servers answer together. */
async function load(nodes: Node[]): Promise<number> {
  const from = performance.now();
  const counts = await Promise.all(nodes.map(loadOne));
  return (counts.reduce((sum, count) => sum + count, 0) / (performance.now() - from)) * 1000;
}

async function loadOne(node: Node): Promise<number> {
  const { keys, asked: before } = node;
  const client = createClient(CONNECTIONS_A_NODE, { query: '{ me { id } }' });
  const until = performance.now() + ROUND_MS;
  async function keepAsking(): Promise<void> {
    while (performance.now() < until) {
      const key = keys[node.asked % keys.length] ?? '';
      node.asked += 1;
      const status = await client.ask(node, key);
      if (status !== 200) throw new Error(`The answer was ${status}.`);
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS_A_NODE }, keepAsking));
  client.close();
  return node.asked - before;
}
