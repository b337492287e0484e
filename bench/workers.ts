import { inTurns, PASSWORD } from './known-caller.ts';
import { inDatabase } from './postgres.ts';
import { command, DEPLOYED, inFolder, median, type Started, start, table } from './program.ts';

const ROUNDS = 7;
const ROUND_MS = 3_000;

/** What a request costs two processes behind one port, the primary's time counted in, beside one: both on all cores. */
export async function workers(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  return inDatabase(serverUrl, (url) => inFolder((folder) => measure({ DATABASE_URL: url, DATA_DIR: folder })));
}

async function measure(where: Record<string, string>): Promise<string> {
  const env = { ...DEPLOYED, ...where, METRICS_PORT: '0' };
  await command(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
  const servers: Started[] = [];
  try {
    for (const WORKERS of ['1', '2']) {
      servers.push(await start({ ...env, WORKERS }, { logFile: `${where.DATA_DIR}/${WORKERS}.log` }));
    }
    const rounds = await inTurns(servers as [Started, Started], ROUNDS, ROUND_MS);
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
  } finally {
    for (const server of servers) await server.stop();
  }
}
