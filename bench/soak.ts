import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inDatabase } from './postgres.ts';
import { ask, command, inFolder, median, start, table } from './program.ts';

const SAMPLER = fileURLToPath(new URL('memory-sampler.mjs', import.meta.url));
const PASSWORD = 'a fine long password';
const KEYS = 50;
const BETWEEN_MS = 10;
const MB = 1_048_576;
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;
const CREATE = 'mutation C($name: String!) { createToken(input: { name: $name }) { ... on IssuedToken { key } } }';
const REGISTER = `mutation { createUser(input: { username: "eve", password: "${PASSWORD}" }) { __typename } }`;
const LIST = '{ me { tokens(first: 50) { nodes { id name lastUsedAt } totalCount } } }';
const HEAR = 'subscription { tokenEvents { kind name } }';

interface Sample {
  at: number;
  rss: number;
  heapUsed: number;
}

/**
 * Whether a server grows that has everything to do at once, for BENCH_SOAK_MINUTES (30). Shape: its memory in MB,
 * sampled every ten seconds, as medians of the first and the last third of the time, and the slope of a straight line.
 */
export async function soak(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  const minutes = Number(process.env.BENCH_SOAK_MINUTES ?? 30);
  return inDatabase(serverUrl, (database) =>
    inFolder(async (folder) => {
      const file = join(folder, 'memory');
      const env = { DATABASE_URL: database, DATA_DIR: folder, TOKEN_SECRETS: 's'.repeat(32), LOG_LEVEL: 'error' };
      await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
      const server = await start({ ...env, NODE_OPTIONS: `--import ${SAMPLER}`, BENCH_MEMORY_FILE: file });
      const counts = await loadFor(server.url, minutes * 60_000);
      await server.stop();
      const samples = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Sample);
      const memory = table(
        [`${minutes} minutes`, 'first third, MB', 'last third, MB', 'slope, MB an hour'],
        [rowOf('rss', samples, ({ rss }) => rss), rowOf('heap used', samples, ({ heapUsed }) => heapUsed)],
      );
      return `${memory}\n\n${table(['what was asked', 'times'], Object.entries(counts))}`;
    }),
  );
}

async function loadFor(url: string, ms: number): Promise<Record<string, number>> {
  const key = keyIn(await ask(url, LOGIN));
  const keys: string[] = [];
  for (let n = 0; n < KEYS; n++)
    keys.push(keyIn(await post(url, { query: CREATE, variables: { name: `key ${n}` } }, key)));
  const counts: Record<string, number> = {};
  const until = performance.now() + ms;
  async function keepAsking(name: string, askOnce: (n: number) => Promise<unknown>): Promise<void> {
    for (let n = 0; performance.now() < until; n++) {
      await askOnce(n);
      counts[name] = (counts[name] ?? 0) + 1;
      await sleep(BETWEEN_MS);
    }
  }
  const forged = (n: number) => `tsr_${Buffer.from(`${n}`.padStart(32, 'x')).toString('base64url')}`;
  await Promise.all([
    keepAsking('reads', (n) => post(url, { query: '{ me { id username } }' }, keys[n % KEYS])),
    keepAsking('forged keys', (n) => post(url, { query: '{ me { id } }' }, forged(n))),
    keepAsking('logins', () => post(url, { query: LOGIN })),
    keepAsking('refused registrations', () => post(url, { query: REGISTER })),
    keepAsking('lists', (n) => post(url, { query: LIST }, keys[n % KEYS])),
    keepAsking('streams opened and dropped', (n) => openAndDrop(url, keys[n % KEYS])),
  ]);
  return counts;
}

function headersOf(key?: string): Record<string, string> {
  return { 'content-type': 'application/json', ...(key && { authorization: `Token ${key}` }) };
}

async function post(url: string, body: object, key?: string): Promise<unknown> {
  const reply = await fetch(url, { method: 'POST', headers: headersOf(key), body: JSON.stringify(body) });
  return reply.json();
}

async function openAndDrop(url: string, key?: string): Promise<void> {
  const leaving = new AbortController();
  const headers = { ...headersOf(key), accept: 'text/event-stream' };
  const body = JSON.stringify({ query: HEAR });
  const reply = await fetch(url, { method: 'POST', headers, body, signal: leaving.signal });
  await reply.body?.getReader().read();
  leaving.abort();
}

function keyIn(reply: unknown): string {
  const key = /tsr_[\w-]{43}/.exec(JSON.stringify(reply))?.[0];
  if (!key) throw new Error(`There is no key in ${JSON.stringify(reply)}`);
  return key;
}

function rowOf(name: string, samples: Sample[], of: (sample: Sample) => number): (string | number)[] {
  const third = Math.floor(samples.length / 3);
  const middle = (some: Sample[]) => (median(some.map(of)) / MB).toFixed(1);
  return [name, middle(samples.slice(0, third)), middle(samples.slice(-third)), slopeOf(samples, of).toFixed(1)];
}

/** By least squares. */
function slopeOf(samples: Sample[], of: (sample: Sample) => number): number {
  const points = samples.map((sample) => ({ x: sample.at / 3_600_000, y: of(sample) / MB }));
  const mean = (axis: 'x' | 'y') => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [x, y] = [mean('x'), mean('y')];
  const over = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0);
  return over / points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
}
