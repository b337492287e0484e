import { setTimeout as sleep } from 'node:timers/promises';
import { withKnownCaller } from './known-caller.ts';
import { median, table } from './program.ts';

const ROUNDS = 3;
const REQUESTS = 100_000;
const AT_MOST_MS = 600_000;
const REST_MS = 10_000;

/** In MB, of one server. */
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
  for (let round = 0; round < ROUNDS; round++) rounds.push(await held(serverUrl));
  const moments = Object.keys(rounds[0] ?? {}) as (keyof Held)[];
  const rows = moments.map((moment) => {
    const all = rounds.map((round) => round[moment]);
    return [moment, median(all).toFixed(0), Math.max(...all).toFixed(0)];
  });
  return table(['RSS', 'median MB', 'highest MB'], rows);
}

function held(serverUrl: string): Promise<Held> {
  return withKnownCaller(serverUrl, {}, async (server, askWhoIAm) => {
    const first = server.rssMb();
    await askWhoIAm({ ms: AT_MOST_MS, total: REQUESTS });
    const last = server.rssMb();
    await sleep(REST_MS);
    return {
      'as it answers first': first,
      'at the end of 100,000 requests': last,
      '10 seconds later': server.rssMb(),
    };
  });
}
