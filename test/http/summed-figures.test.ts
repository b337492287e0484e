import { expect, it } from 'vitest';
import { createMetrics } from '../../src/http/metrics.ts';
import { createSummedFigures } from '../../src/http/summed-figures.ts';
import { parseScrape } from './scraped.ts';

const OK = { endpoint: '/graphql', outcome: 'ok', status: 200, seconds: 0.002 };
const COUNTED = 'tessera_requests_total{endpoint="/graphql",outcome="ok",status="2xx"}';
const TIMED = 'tessera_request_duration_seconds_bucket{le="0.0025",endpoint="/graphql"}';

/** A process that has answered so many requests, and hears of changes or not. */
async function figuresOf(requests: number, isHearing = true) {
  const metrics = createMetrics(
    {
      passwords: () => ({ active: 0, waiting: 0, refused: 0, good: 0, bad: 0 }),
      viewers: () => ({ hits: 0, misses: 0, size: 0 }),
      pool: () => ({ total: 5, idle: 0, waiting: 0 }),
      openStreams: () => 1,
      areChangesHeard: () => isHearing,
      requestsInFlight: () => 0,
    },
    '0.0.0',
  );
  for (let n = 0; n < requests; n++) metrics.note(OK);
  return structuredClone(await metrics.read());
}

async function shown(summed: ReturnType<typeof createSummedFigures>, answers: Parameters<typeof summed.sum>[0]) {
  const all = parseScrape(await summed.sum(answers));
  return ['tessera_database_connections', 'tessera_streams_open', 'tessera_workers', COUNTED, TIMED].map((name) =>
    all.get(name),
  );
}

it('sums what adds up, and tells the rest as it is of a server', async () => {
  const answers = new Map([
    [1, await figuresOf(2)],
    [2, await figuresOf(3, false)],
  ]);
  const summed = createSummedFigures();
  expect(await shown(summed, answers)).toEqual([10, 2, 2, 5, 5]);
  const all = parseScrape(await summed.sum(answers));
  expect(all.get('tessera_changes_heard')).toBe(0);
  expect(all.get(`tessera_build_info{version="0.0.0",node="${process.version}"}`)).toBe(1);
  expect(all.get('process_start_time_seconds')).toBeGreaterThan(1_000_000_000);
});

it('never counts back what grows: not of who does not answer, and not of who has ended', async () => {
  const summed = createSummedFigures();
  const [two, three] = [await figuresOf(2), await figuresOf(3)];
  await summed.sum(
    new Map([
      [1, two],
      [2, three],
    ]),
  );
  expect(
    await shown(
      summed,
      new Map([
        [1, two],
        [2, null],
      ]),
    ),
  ).toEqual([5, 1, 1, 5, 5]);
  summed.end(2);
  expect(await shown(summed, new Map([[1, two]]))).toEqual([5, 1, 1, 5, 5]);
  // Its answer was under way when it ended.
  expect(
    await shown(
      summed,
      new Map([
        [1, two],
        [2, three],
      ]),
    ),
  ).toEqual([5, 1, 1, 5, 5]);
  summed.end(1);
  expect(await shown(summed, new Map([[3, await figuresOf(1)]]))).toEqual([5, 1, 1, 6, 6]);
});
