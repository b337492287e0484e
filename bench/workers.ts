import { inTurns } from './known-caller.ts';
import { median, start, table } from './program.ts';

const AMOUNT = { rounds: 7, ms: 3_000 };

/** What a request costs two processes behind one port, the primary's time counted in, beside one: both on all cores. */
export async function workers(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  const begin = (WORKERS: string) => (env: Record<string, string>, logFile: string) =>
    start({ ...env, WORKERS }, { logFile });
  const rounds = await inTurns(serverUrl, { METRICS_PORT: '0' }, [begin('1'), begin('2')], AMOUNT);
  const ratio = median(rounds.map(([one, two]) => two.cpuMicros / one.cpuMicros));
  const row = (name: string, place: 0 | 1, to: string) => [
    name,
    Math.round(median(rounds.map((round) => round[place].perSecond))),
    Math.round(median(rounds.map((round) => round[place].cpuMicros))),
    to,
  ];
  return table(
    ['', 'requests a second', 'µs of a core each', 'ratio of these'],
    [row('one process', 0, '1.00'), row('WORKERS=2', 1, ratio.toFixed(2))],
  );
}
