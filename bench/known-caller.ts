import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inDatabase } from './postgres.ts';
import { ask, command, DEPLOYED, inFolder, type Started, start } from './program.ts';

const CONNECTIONS = 16;
const PASSWORD = 'a fine long password';
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;
const ME = JSON.stringify({ query: '{ me { id username } }' });
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const run = promisify(execFile);

/** Until either is reached. */
interface Amount {
  ms: number;
  total?: number;
}

type Work<Result> = (server: Started, askWhoIAm: (amount: Amount) => Promise<void>) => Promise<Result>;

/**
 * The work's result with a server as it is deployed, on a PostgreSQL of its own, its figures on a port of their own.
 * `askWhoIAm` asks it `{ me { id username } }` with a key that it knows, and throws when anything but 200 comes back.
 */
export function withKnownCaller<Result>(
  serverUrl: string,
  more: Record<string, string>,
  work: Work<Result>,
): Promise<Result> {
  return withAda(serverUrl, { METRICS_PORT: '0', ...more }, async (env, logs) => {
    const server = await start(env, { logFile: `${logs}/log` });
    try {
      let authorization = '';
      return await work(server, async (amount) => {
        authorization ||= `Token ${await keyFrom(server)}`;
        await askOver(server, { headers: { authorization }, body: ME }, amount);
      });
    } finally {
      await server.stop();
    }
  });
}

type Env = Record<string, string>;

/** The work's result with how a server is deployed, whose one user is `ada`, and a folder for its log. */
function withAda<Result>(
  serverUrl: string,
  more: Env,
  work: (env: Env, logs: string) => Promise<Result>,
): Promise<Result> {
  return inDatabase(serverUrl, (database) =>
    inFolder(async (folder) => {
      const env = { ...DEPLOYED, DATABASE_URL: database, DATA_DIR: folder, ...more };
      await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
      return work(env, folder);
    }),
  );
}

async function keyFrom({ url }: Started): Promise<string> {
  const { data } = (await ask(url, LOGIN)) as { data: { obtainAuthToken: { key: string } } };
  return data.obtainAuthToken.key;
}

/** Throws when anything but 200 comes back. */
async function askOver(
  { url }: Started,
  request: object,
  amount: Amount,
): Promise<{ perSecond: number; answered: number }> {
  const load = { url, connections: CONNECTIONS, ...amount, requests: [request] };
  const { stdout } = await run(process.execPath, [LOAD, JSON.stringify(load)]);
  const { statuses, sample, ...all } = JSON.parse(stdout) as {
    statuses: Record<string, number>;
    sample: string;
    perSecond: number;
    answered: number;
  };
  if (Object.keys(statuses).join() !== '200') throw new Error(`It answered ${JSON.stringify(statuses)}: ${sample}`);
  return all;
}

/** What a server does of `{ me { id username } }` in a round. */
interface Round {
  perSecond: number;
  cpuMicros: number;
}

/** Starts one of two servers, whose output goes there. */
type Begin = (env: Env, logFile: string) => Promise<Started>;

/**
 * Two servers on one database in turns, now the one first, now the other, on all cores; what `ada` asks with her key of
 * the first. One round more, to warm up, is not told.
 */
export function inTurns(
  serverUrl: string,
  more: Env,
  [beginFirst, beginSecond]: readonly [Begin, Begin],
  { rounds, ms }: { rounds: number; ms: number },
): Promise<[Round, Round][]> {
  return withAda(serverUrl, more, async (env, logs) => {
    const first = await beginFirst(env, `${logs}/first.log`);
    try {
      const second = await beginSecond(env, `${logs}/second.log`);
      try {
        return await roundsOf(first, second, rounds, ms);
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  });
}

async function roundsOf(first: Started, second: Started, rounds: number, ms: number): Promise<[Round, Round][]> {
  const request = { headers: { authorization: `Token ${await keyFrom(first)}` }, body: ME };
  async function roundOf(server: Started): Promise<Round> {
    const before = server.cpuMs();
    const { perSecond, answered } = await askOver(server, request, { ms });
    return { perSecond, cpuMicros: ((server.cpuMs() - before) * 1000) / answered };
  }
  const told: [Round, Round][] = [];
  for (let round = -1; round < rounds; round++) {
    const isReversed = round % 2 !== 0;
    const early = await roundOf(isReversed ? second : first);
    const late = await roundOf(isReversed ? first : second);
    if (round >= 0) told.push(isReversed ? [late, early] : [early, late]);
  }
  return told;
}
