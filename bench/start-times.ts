import { spawnSync } from 'node:child_process';
import { inDatabase } from './postgres.ts';
import { DEPLOYED, inFolder, median, start, table } from './program.ts';

const ROUNDS = 5;

interface Starts {
  name: string;
  first: number[];
  later: number[];
  /** The database's being, for two starts. */
  inPlace(work: (env: Record<string, string>) => Promise<void>): Promise<void>;
}

/**
 * From the process's start to its first answer, as it is deployed: on a database that is new, and on the same one again.
 * Embedded and, where BENCH_DATABASE_URL names a server, PostgreSQL, in turn, with Node alone beside them.
 */
export async function startTimes(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  const kinds: Starts[] = [
    { name: 'embedded', first: [], later: [], inPlace: (work) => inFolder((folder) => work({ DATA_DIR: folder })) },
  ];
  if (serverUrl) {
    const inPlace: Starts['inPlace'] = (work) => inDatabase(serverUrl, (url) => work({ DATABASE_URL: url }));
    kinds.push({ name: 'PostgreSQL', first: [], later: [], inPlace });
  }
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(nodeMs());
    for (const { first, later, inPlace } of kinds) {
      await inPlace(async (env) => {
        for (const times of [first, later]) times.push(await startMs(env));
      });
    }
  }
  const row = (name: string, times: number[]) => [name, median(times).toFixed(0), Math.max(...times).toFixed(0)];
  const rows = kinds.flatMap(({ name, first, later }) => [row(`${name}, first`, first), row(`${name}, later`, later)]);
  return table(['start to first answer', 'median ms', 'slowest ms'], [...rows, row('node, an empty script', alone)]);
}

function startMs(env: Record<string, string>): Promise<number> {
  return inFolder(async (folder) => {
    const server = await start({ ...DEPLOYED, DATA_DIR: folder, ...env }, { logFile: `${folder}/log` });
    await server.stop();
    return server.startMs;
  });
}

/** What Node needs to do nothing: how fast the machine is just then. */
function nodeMs(): number {
  const from = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - from;
}
