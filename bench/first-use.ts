import { fileURLToPath } from 'node:url';
import { inTurns, PASSWORD } from './known-caller.ts';
import { inDatabase } from './postgres.ts';
import { command, DEPLOYED, inFolder, median, type Started, startScript, table } from './program.ts';

const SERVER = fileURLToPath(new URL('first-use-server.mjs', import.meta.url));
const ROUNDS = 7;
const ROUND_MS = 2_000;

/**
 * What a key costs that is not remembered: the server as it looks its owner up, beside the same one with the query
 * written by hand on `pg`. Nothing is kept (`VIEWER_CACHE_SIZE=0`), so that each request is the first.
 */
export async function firstUse(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  return inDatabase(serverUrl, (url) => inFolder((folder) => measure({ DATABASE_URL: url, DATA_DIR: folder })));
}

async function measure(where: Record<string, string>): Promise<string> {
  const env = { ...DEPLOYED, ...where, VIEWER_CACHE_SIZE: '0' };
  await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
  const servers: Started[] = [];
  try {
    for (const kind of ['ours', 'by-hand']) {
      servers.push(await startScript(SERVER, [kind], env, { logFile: `${where.DATA_DIR}/${kind}.log` }));
    }
    const rounds = await inTurns(servers as [Started, Started], ROUNDS, ROUND_MS);
    const ratio = median(rounds.map(([ours, byHand]) => ours.perSecond / byHand.perSecond));
    return table(
      ['first use of a key', 'requests a second', 'ratio'],
      [
        [
          'the same server, its look-up by hand',
          Math.round(median(rounds.map(([, { perSecond }]) => perSecond))),
          '1.00',
        ],
        ['the server', Math.round(median(rounds.map(([{ perSecond }]) => perSecond))), ratio.toFixed(2)],
      ],
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}
