import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { authenticationPeers } from './authentication-peers.ts';
import { clientRequests } from './client-requests.ts';
import { inDatabase, query } from './postgres.ts';
import { ask, command, DEPLOYED, inFolder, median, type Started, startScript, table } from './program.ts';

const ROUNDS = 5;
const ROUND_MS = 3_000;
const CONNECTIONS = 16;
const SERVER_CORE = '0';
const LOAD_CORE = '1';
const PASSWORD = 'a fine long password';
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key token { id } } } }`;
const ME = JSON.stringify({ query: '{ me { id username } }' });
/** With packages of their own. */
const PEERS = fileURLToPath(new URL('peers/', import.meta.url));
const PIN = 'taskset';
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const run = promisify(execFile);

interface Request {
  headers: Record<string, string>;
  body: string;
}

export interface Contender {
  name: string;
  server: Started;
  request: Request;
  status: string;
}

/** Who would be beside the others if he were here. */
export interface LeftOut {
  name: string;
  leftOut: string;
}

/** Starts a peer's script on the servers' core. */
export type Begin = (script: string, env?: Record<string, string>, program?: string) => Promise<Started>;

interface Answered {
  perSecond: number;
  answered: number;
  statuses: Record<string, number>;
  sample: string;
}

/**
 * The authenticated request beside peers, each on its own published package: on the first core, asked from the second,
 * in turn, five rounds. Shape: a table of requests a second, of microseconds of a core a request, and of the ratio to
 * bare Yoga, the median of the rounds'.
 */
export async function requests(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  if (spawnSync(PIN, ['-V']).status !== 0) return 'Left out: there is no taskset, by which servers are pinned.';
  if (!existsSync(`${PEERS}node_modules`)) await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS });
  return inDatabase(serverUrl, (database) =>
    inFolder(async (folder) => {
      const started: Started[] = [];
      async function begin(script: string, env: Record<string, string> = {}, program?: string): Promise<Started> {
        const logFile = script === MAIN ? `${folder}/${started.length}.log` : undefined;
        const placed = { core: SERVER_CORE, ...(program && { program }), ...(logFile && { logFile }) };
        const all = { NODE_ENV: 'production', DATABASE_URL: database, ...env };
        const server = await startScript(script, [], all, placed);
        started.push(server);
        return server;
      }
      try {
        const all = await contend(database, folder, begin);
        const contenders = all.filter((each) => 'server' in each);
        const leftOut = all.filter((each) => 'leftOut' in each);
        return tableOf(contenders, await inTurns(contenders), leftOut);
      } finally {
        for (const server of started) await server.stop();
      }
    }),
  );
}

async function contend(database: string, folder: string, begin: Begin): Promise<(Contender | LeftOut)[]> {
  const env = { ...DEPLOYED, DATABASE_URL: database };
  await command(['user', 'create', 'ada', '--password-stdin'], { ...env, DATA_DIR: folder }, PASSWORD);
  const onServer = await begin(MAIN, { ...env, DATA_DIR: folder, METRICS_PORT: '0' });
  const embeddedEnv = { ...DEPLOYED, DATABASE_URL: '', DATA_DIR: `${folder}/embedded` };
  await command(['user', 'create', 'ada', '--password-stdin'], embeddedEnv, PASSWORD);
  const onEmbedded = await begin(MAIN, { ...embeddedEnv, METRICS_PORT: '0' });
  const { key, id } = await logIn(onServer);
  const embedded = await logIn(onEmbedded);
  await query(database, 'CREATE TABLE peer_keys (key text PRIMARY KEY, id text NOT NULL, username text NOT NULL)');
  await query(database, `INSERT INTO peer_keys VALUES ('${key}', 'VXNlcjox', 'ada')`);
  const rowId = Buffer.from(id, 'base64').toString().slice('Token:'.length);
  const withKey = (sent: string): Request => ({ headers: { authorization: `Token ${sent}` }, body: ME });
  const forged = `${key.slice(0, -4)}AAAA`;
  const list = JSON.stringify({ query: '{ tokens(first: 20) { edges { node { id name } } } }' });
  const plainList = JSON.stringify({ query: '{ tokens(first: 20) { id name } }' });
  await makeTokens(database, rowId);
  const peer: Begin = (script, ...more) => begin(`${PEERS}${script}`, ...more);
  const yoga = await peer('yoga.js');
  const tutorial = await peer('tutorial.js');
  return [
    { name: 'yoga, bare, no auth', server: yoga, request: { headers: {}, body: ME }, status: '200' },
    { name: 'Tessera, PostgreSQL', server: onServer, request: withKey(key), status: '200' },
    { name: 'Tessera, embedded', server: onEmbedded, request: withKey(embedded.key), status: '200' },
    ...(await clientRequests(`Token ${key}`)).map(([client, request]) => ({
      name: `Tessera, as ${client} asks`,
      server: onServer,
      request,
      status: '200',
    })),
    { name: 'Tessera, a forged key', server: onServer, request: withKey(forged), status: '401' },
    { name: 'Tessera, 20 tokens', server: onServer, request: { ...withKey(key), body: list }, status: '200' },
    { name: 'tutorial: yoga, Pothos, Prisma', server: tutorial, request: withKey(rowId), status: '200' },
    {
      name: 'tutorial, 20 tokens',
      server: tutorial,
      request: { ...withKey(rowId), body: plainList },
      status: '200',
    },
    ...(await authenticationPeers(peer)),
    {
      name: 'Apollo Server, bare, no auth',
      server: await peer('apollo.js'),
      request: { headers: {}, body: ME },
      status: '200',
    },
    {
      name: 'fastify, mercurius, JIT, LRU',
      server: await peer('mercurius.js'),
      request: withKey(key),
      status: '200',
    },
    {
      name: 'node:http, {}',
      server: await peer('node-http.js'),
      request: { headers: {}, body: ME },
      status: '200',
    },
  ];
}

async function logIn({ url }: Started): Promise<{ key: string; id: string }> {
  const { data } = (await ask(url, LOGIN)) as { data: { obtainAuthToken: { key: string; token: { id: string } } } };
  const { key, token } = data.obtainAuthToken;
  return { key, id: token.id };
}

/** As many more as fill the page. */
async function makeTokens(database: string, tokenId: string): Promise<void> {
  await query(
    database,
    `INSERT INTO "Token" ("userId", "kind", "name")
     SELECT "userId", 'API', 'token ' || n FROM "Token", generate_series(1, 30) n WHERE "id" = '${tokenId}'`,
  );
}

interface Round {
  perSecond: number;
  cpuMicros: number;
}

async function inTurns(contenders: readonly Contender[]): Promise<Round[][]> {
  const rounds: Round[][] = contenders.map(() => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [place, contender] of contenders.entries()) {
      const measured = await measure(contender, ROUND_MS);
      // The first is for warming up.
      if (round >= 0) rounds[place]?.push(measured);
    }
  }
  return rounds;
}

async function measure({ name, server, request, status }: Contender, ms: number): Promise<Round> {
  const load = JSON.stringify({ url: server.url, connections: CONNECTIONS, ms, requests: [request] });
  const before = server.cpuMs();
  const { stdout } = await run(PIN, ['-c', LOAD_CORE, process.execPath, LOAD, load]);
  const cpuMs = server.cpuMs() - before;
  const { perSecond, answered, statuses, sample } = JSON.parse(stdout) as Answered;
  if (Object.keys(statuses).join() !== status)
    throw new Error(`${name} answered ${JSON.stringify(statuses)}: ${sample}`);
  if (status === '200' && sample.includes('"errors"')) throw new Error(`${name} answered ${sample}`);
  return { perSecond, cpuMicros: (cpuMs * 1000) / answered };
}

function tableOf(contenders: readonly Contender[], rounds: readonly Round[][], absent: readonly LeftOut[]): string {
  const [bare = []] = rounds;
  const rows = contenders.map(({ name }, place) => {
    const own = rounds[place] ?? [];
    const ratios = own.map(({ perSecond }, round) => perSecond / (bare[round]?.perSecond ?? Number.NaN));
    return [
      name,
      Math.round(median(own.map(({ perSecond }) => perSecond))),
      Math.round(median(own.map(({ cpuMicros }) => cpuMicros))),
      median(ratios).toFixed(2),
    ];
  });
  const others = absent.map(({ name, leftOut }) => [name, leftOut, '', '']);
  const head = ['', 'requests a second', 'µs of a core each', 'ratio to bare yoga'];
  return table(head, [...rows, ...others]);
}
