import { availableParallelism } from 'node:os';
import pg from 'pg';
import { createClient } from './client.ts';
import { inDatabase } from './postgres.ts';
import { ask, command, inFolder, median, type Started, start, table } from './program.ts';

const ROUNDS = 5;
const ROUND_MS = 6_000;
const CONNECTIONS = 8;
const PASSWORD = 'a fine long password';
const ME = { query: '{ me { id username } }' };
/** More than are under way at once: the very same login is checked once for all who ask for it meanwhile. */
const USERS = 100;

function loginOf(username: string): string {
  return `mutation { obtainAuthToken(input: { username: "${username}", password: "${PASSWORD}" }) {
    __typename ... on IssuedToken { key }
  } }`;
}

interface Reads {
  perSecond: number;
  p99: number;
}

/**
 * What those who have logged in feel of logins that come at twice the rate at which this machine can check passwords:
 * rounds without and with them in turn, on one server. Shape: a table of requests a second, of p99 in milliseconds, and
 * of both as ratios, each the median of the rounds'.
 */
export async function loginsUnderLoad(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  const rows = await inDatabase(serverUrl, (url) =>
    inFolder(async (folder) => {
      const env = { DATABASE_URL: url, DATA_DIR: folder, TOKEN_SECRETS: 's'.repeat(32) };
      await command(['user', 'create', 'user0', '--password-stdin'], env, PASSWORD);
      await makeOthers(url);
      return [
        await measure('in a queue', env),
        await measure('as many at once as come', { ...env, PASSWORDS_AT_ONCE: '1024', PASSWORDS_WAITING: '10000' }),
      ];
    }),
  );
  return table(
    [
      'logins at twice the capacity',
      'reads a second alone',
      'with logins',
      'ratio',
      'p99 alone, ms',
      'with logins',
      'ratio',
      'logins answered',
      'refused',
    ],
    rows,
  );
}

async function measure(name: string, env: Record<string, string>): Promise<(string | number)[]> {
  const server = await start(env);
  const key = await logIn(server);
  const from = performance.now();
  for (let n = 0; n < 5; n++) await logIn(server);
  const everyMs = (performance.now() - from) / 5 / Math.max(1, availableParallelism() - 1) / 2;
  const alone: Reads[] = [];
  const beside: Reads[] = [];
  const logins = { answered: 0, refused: 0 };
  await readFor(server, key, 2_000);
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await readFor(server, key, ROUND_MS));
    const stop = keepLoggingIn(server, everyMs, logins);
    beside.push(await readFor(server, key, ROUND_MS));
    await stop();
  }
  await server.stop();
  const middle = (of: Reads[], what: keyof Reads) => median(of.map((each) => each[what]));
  const ratio = (what: keyof Reads) =>
    median(beside.map((each, round) => each[what] / (alone[round]?.[what] ?? Number.NaN))).toFixed(2);
  return [
    name,
    Math.round(middle(alone, 'perSecond')),
    Math.round(middle(beside, 'perSecond')),
    ratio('perSecond'),
    middle(alone, 'p99').toFixed(1),
    middle(beside, 'p99').toFixed(1),
    ratio('p99'),
    logins.answered,
    logins.refused,
  ];
}

/** With the first one's password. */
async function makeOthers(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(
    `INSERT INTO "User" ("username", "usernameKey", "passwordHash")
     SELECT 'user' || n, 'user' || n, "passwordHash" FROM "User", generate_series(1, $1::int - 1) n`,
    [USERS],
  );
  await client.end();
}

async function logIn({ url }: Started): Promise<string> {
  const { data } = (await ask(url, loginOf('user0'))) as { data: { obtainAuthToken: { key: string } } };
  return data.obtainAuthToken.key;
}

async function readFor(server: Started, key: string, ms: number): Promise<Reads> {
  const client = createClient(CONNECTIONS, ME);
  const times: number[] = [];
  const from = performance.now();
  async function keepAsking(): Promise<void> {
    while (performance.now() - from < ms) {
      const asked = performance.now();
      const status = await client.ask(server, key);
      if (status !== 200) throw new Error(`The answer was ${status}.`);
      times.push(performance.now() - asked);
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, keepAsking));
  client.close();
  const sorted = times.toSorted((a, b) => a - b);
  return {
    perSecond: (times.length / (performance.now() - from)) * 1000,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
  };
}

/** Logins that come whatever becomes of those before; until it is stopped and all of them have been answered. */
function keepLoggingIn({ url }: Started, everyMs: number, logins: { answered: number; refused: number }) {
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  const timer = setInterval(() => {
    const query = loginOf(`user${++sent % USERS}`);
    const login = fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    }).then(async (answer) => {
      await answer.arrayBuffer();
      if (answer.status === 200) logins.answered += 1;
      else if (answer.status === 503) logins.refused += 1;
      else throw new Error(`A login was answered with ${answer.status}.`);
    });
    underWay.add(login);
    login.finally(() => underWay.delete(login));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await Promise.all(underWay);
  };
}
