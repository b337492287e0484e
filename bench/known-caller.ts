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
  return inDatabase(serverUrl, (database) =>
    inFolder(async (folder) => {
      const env = { ...DEPLOYED, DATABASE_URL: database, DATA_DIR: folder };
      await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
      const server = await start({ ...env, METRICS_PORT: '0', ...more }, { logFile: `${folder}/log` });
      try {
        let authorization = '';
        return await work(server, async (amount) => {
          authorization ||= `Token ${await keyFrom(server)}`;
          await askOver(server, { headers: { authorization }, body: ME }, amount);
        });
      } finally {
        await server.stop();
      }
    }),
  );
}

async function keyFrom({ url }: Started): Promise<string> {
  const { data } = (await ask(url, LOGIN)) as { data: { obtainAuthToken: { key: string } } };
  return data.obtainAuthToken.key;
}

async function askOver({ url }: Started, request: object, amount: Amount): Promise<void> {
  const load = { url, connections: CONNECTIONS, ...amount, requests: [request] };
  const { stdout } = await run(process.execPath, [LOAD, JSON.stringify(load)]);
  const { statuses, sample } = JSON.parse(stdout) as { statuses: Record<string, number>; sample: string };
  if (Object.keys(statuses).join() !== '200') throw new Error(`It answered ${JSON.stringify(statuses)}: ${sample}`);
}
