import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inDatabase, query } from './postgres.ts';
import { command, inFolder, table } from './program.ts';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const SIZES = [100_000, 1_000_000];
// Garbage is collected late where there is room, which looks like growth: so there is little, and more would not fit.
const HEAP_MB = 80;
// Runs inside the measured process: its own peak, whatever started it.
const TELL_PEAK = `data:text/javascript,process.on('exit',()=>{process.stderr.write('peak '+process.resourceUsage().maxRSS)})`;

/**
 * Whether a backfill grows with the number of users: rows a second and the peak of memory, for a tenth and for the
 * whole of a million, in a heap of 80 MB. Makes a database of its own on the server that BENCH_DATABASE_URL names, and drops it again.
 */
export async function backfill(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Skipped: BENCH_DATABASE_URL names no PostgreSQL server to measure on.';
  const rows: (string | number)[][] = [];
  for (const users of SIZES) {
    rows.push(await inDatabase(serverUrl, (url) => inFolder((folder) => measure(users, url, folder))));
  }
  return table(['users without a token', 'seconds', 'tokens a second', 'peak RSS, MB'], rows);
}

async function measure(users: number, DATABASE_URL: string, DATA_DIR: string): Promise<(string | number)[]> {
  const env = { DATABASE_URL, DATA_DIR, LOG_LEVEL: 'silent' };
  await command(['migrate'], env);
  await query(
    DATABASE_URL,
    `INSERT INTO "User" ("username", "usernameKey") SELECT 'user' || n, 'user' || n FROM generate_series(1, ${users}) n`,
  );
  await query(DATABASE_URL, 'VACUUM ANALYZE "User"');
  const from = performance.now();
  const peakBytes = await runBackfill(env);
  const seconds = (performance.now() - from) / 1000;
  const [{ made } = {}] = await query(DATABASE_URL, 'SELECT count(DISTINCT "userId")::int AS made FROM "Token"');
  if (made !== users) throw new Error(`${made} of ${users} users have a token after the backfill.`);
  return [users.toLocaleString('en'), seconds.toFixed(1), Math.round(users / seconds), Math.round(peakBytes / 1e6)];
}

function runBackfill(env: Record<string, string>): Promise<number> {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${HEAP_MB}`, '--import', TELL_PEAK, CLI, 'token', 'backfill'],
    {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      const kilobytes = Number(/peak (\d+)$/.exec(said)?.[1]);
      if (code === 0) resolve(kilobytes * 1024);
      else reject(new Error(`tessera token backfill: ${code}\n${said}`));
    });
  });
}
