import { fileURLToPath } from 'node:url';
import { inTurns } from './known-caller.ts';
import { median, startScript, table } from './program.ts';

const SERVER = fileURLToPath(new URL('first-use-server.mjs', import.meta.url));
const AMOUNT = { rounds: 7, ms: 2_000 };

/**
 * What a key costs that is not remembered: the server as it looks its owner up, beside the same one with the query
 * written by hand on `pg`. Nothing is kept (`VIEWER_CACHE_SIZE=0`), so that each request is the first.
 */
export async function firstUse(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  const begin = (kind: string) => (env: Record<string, string>, logFile: string) =>
    startScript(SERVER, [kind], env, { logFile });
  const rounds = await inTurns(serverUrl, { VIEWER_CACHE_SIZE: '0' }, [begin('ours'), begin('by-hand')], AMOUNT);
  const ratio = median(rounds.map(([ours, byHand]) => ours.perSecond / byHand.perSecond));
  const perSecond = (place: 0 | 1) => Math.round(median(rounds.map((round) => round[place].perSecond)));
  return table(
    ['first use of a key', 'requests a second', 'ratio'],
    [
      ['the same server, its look-up by hand', perSecond(1), '1.00'],
      ['the server', perSecond(0), ratio.toFixed(2)],
    ],
  );
}
