import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inDatabase } from './postgres.ts';
import { ask, command, DEPLOYED, inFolder, median, start, table } from './program.ts';

const ROUNDS = 3;
const REQUESTS = 100_000;
const CONNECTIONS = 16;
const REST_MS = 10_000;
const PASSWORD = 'a fine long password';
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;
const ME = JSON.stringify({ query: '{ me { id username } }' });
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const run = promisify(execFile);

/** In MB, each round of a server of its own. */
interface Held {
  'as it answers first': number;
  'at the end of 100,000 requests': number;
  '10 seconds later': number;
}

/** The memory at rest of a server as it is deployed, after 100,000 times the authenticated request. */
export async function memory(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  const rounds: Held[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(await inDatabase(serverUrl, (database) => inFolder((folder) => held(database, folder))));
  }
  const moments = Object.keys(rounds[0] ?? {}) as (keyof Held)[];
  const rows = moments.map((moment) => {
    const all = rounds.map((round) => round[moment]);
    return [moment, median(all).toFixed(0), Math.max(...all).toFixed(0)];
  });
  return table(['RSS', 'median MB', 'highest MB'], rows);
}

async function held(database: string, folder: string): Promise<Held> {
  const env = { ...DEPLOYED, DATABASE_URL: database, DATA_DIR: folder };
  await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
  const server = await start({ ...env, METRICS_PORT: '0' }, { logFile: `${folder}/log` });
  try {
    const first = server.rssMb();
    const key = /tsr_[\w-]{43}/.exec(JSON.stringify(await ask(server.url, LOGIN)))?.[0];
    const request = { headers: { authorization: `Token ${key}` }, body: ME };
    const load = { url: server.url, connections: CONNECTIONS, ms: 600_000, total: REQUESTS, requests: [request] };
    const { stdout } = await run(process.execPath, [LOAD, JSON.stringify(load)]);
    const last = server.rssMb();
    const { statuses } = JSON.parse(stdout) as { statuses: Record<string, number> };
    if (Object.keys(statuses).join() !== '200') throw new Error(`It was answered ${JSON.stringify(statuses)}.`);
    await sleep(REST_MS);
    return {
      'as it answers first': first,
      'at the end of 100,000 requests': last,
      '10 seconds later': server.rssMb(),
    };
  } finally {
    await server.stop();
  }
}
