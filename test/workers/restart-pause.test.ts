import { expect, it } from 'vitest';
import { failuresAfter, restartPauseMs } from '../../src/workers/restart-pause.ts';

it('waits not at all the first time, then twice as long each time, and half a minute at most', () => {
  const pauses: number[] = [];
  for (let failures = failuresAfter(0, 100); failures <= 10; failures = failuresAfter(failures, 100)) {
    pauses.push(restartPauseMs(failures));
  }
  expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

it('forgets what was before, once a worker has served for a minute', () => {
  expect([failuresAfter(5, 59_999), failuresAfter(5, 60_000)]).toEqual([6, 0]);
});
