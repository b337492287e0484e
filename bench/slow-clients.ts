import { spawn, spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inDatabase } from './postgres.ts';
import { ask, command, inFolder, start, table } from './program.ts';

const PASSWORD = 'a fine long password';
const CONNECTIONS = 1_000;
const SECONDS = 60;
const ALONE_MS = 20_000;
const BETWEEN_MS = 50;
const GIVEN_UP_MS = 5_000;
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;
const ME = JSON.stringify({ query: '{ me { id username } }' });
const LONG = encodeURIComponent(
  '{ __schema { types { name description fields { name description type { name } } } } }',
);

/** What slowhttptest is told beside the number of connections, by what it does. */
const ATTACKS: Record<string, (url: string) => string[]> = {
  'slow headers (-H)': (url) => ['-H', '-i', '5', '-x', '24', '-u', url],
  'slow body (-B)': (url) => ['-B', '-i', '5', '-s', '8192', '-x', '10', '-t', 'POST', '-u', url],
  'slow read (-X)': (url) => [
    '-X',
    '-w',
    '512',
    '-y',
    '1024',
    '-n',
    '5',
    '-z',
    '32',
    '-k',
    '3',
    '-u',
    `${url}?query=${LONG}`,
  ],
};

interface Served {
  asked: number;
  times: number[];
}

/**
 * Whether a client is served while slowhttptest holds a thousand connections: one request after the other, each by a
 * new connection, given up after five seconds. Shape: the share that was answered, and how soon, in milliseconds.
 */
export async function slowClients(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  if (spawnSync('slowhttptest', ['-h']).error) return 'Left out: slowhttptest is not installed.';
  return inDatabase(serverUrl, (database) =>
    inFolder(async (folder) => {
      const env = { DATABASE_URL: database, DATA_DIR: folder, TOKEN_SECRETS: 's'.repeat(32), LOG_LEVEL: 'error' };
      await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
      const server = await start(env);
      const reply = (await ask(server.url, LOGIN)) as { data: { obtainAuthToken: { key: string } } };
      const { key } = reply.data.obtainAuthToken;
      await serveFor(server.url, key, sleep(2_000));
      const rows = [rowOf('none', await serveFor(server.url, key, sleep(ALONE_MS)))];
      for (const [name, optionsOf] of Object.entries(ATTACKS)) {
        rows.push(rowOf(name, await serveFor(server.url, key, attack(optionsOf(server.url)))));
      }
      await server.stop();
      return table(['slow connections', 'requests', 'answered', 'p50, ms', 'p99, ms'], rows);
    }),
  );
}

/** Begun anew when the server has got rid of all its connections. */
async function attack(options: string[]): Promise<void> {
  const until = performance.now() + SECONDS * 1000;
  for (let left = SECONDS; left > 0; left = Math.round((until - performance.now()) / 1000)) {
    const load = ['-c', String(CONNECTIONS), '-r', '200', '-l', String(left), '-p', '3', '-v', '0'];
    const child = spawn('slowhttptest', [...load, ...options], { stdio: 'ignore' });
    await new Promise((resolve) => child.on('close', resolve));
  }
}

async function serveFor(url: string, key: string, until: Promise<void>): Promise<Served> {
  const served: Served = { asked: 0, times: [] };
  let isOver = false;
  void until.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const from = performance.now();
    served.asked += 1;
    if (await isAnswered(url, key)) served.times.push(performance.now() - from);
    await sleep(BETWEEN_MS);
  }
  return served;
}

function isAnswered(url: string, key: string): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': ME.length,
      authorization: `Token ${key}`,
    };
    const options = { agent: false, method: 'POST', headers, signal: AbortSignal.timeout(GIVEN_UP_MS) } as const;
    request(url, options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    })
      .on('error', () => resolve(false))
      .end(ME);
  });
}

function rowOf(name: string, { asked, times }: Served): (string | number)[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  return [name, asked, `${((100 * times.length) / asked).toFixed(1)} %`, at(0.5), at(0.99)];
}
