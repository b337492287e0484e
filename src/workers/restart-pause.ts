/** Whoever has served for so long has not died of how it began. */
const STEADY_MS = 60_000;
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** How often in a row a worker's place has become free soon after it was taken, another such time included. */
export function failuresAfter(failures: number, servedMs: number): number {
  return servedMs >= STEADY_MS ? 0 : failures + 1;
}

/** How long a place stays free: not at all the first time, then twice as long each time, up to half a minute. */
export function restartPauseMs(failures: number): number {
  return failures < 2 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 2));
}
