import { inFolder, median, start, table } from './program.ts';

const ROUNDS = 5;

/** From the process's start to its first answer, on the embedded database: a new directory, and the same one again. */
export async function startTimes(): Promise<string> {
  const first: number[] = [];
  const later: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await inFolder(async (folder) => {
      for (const times of [first, later]) {
        const server = await start({ DATA_DIR: folder, LOG_LEVEL: 'silent' });
        times.push(server.startMs);
        await server.stop();
      }
    });
  }
  const row = (name: string, times: number[]) => [name, median(times).toFixed(0), Math.max(...times).toFixed(0)];
  return table(
    ['start to first answer, embedded', 'median ms', 'slowest ms'],
    [row('first', first), row('later', later)],
  );
}
