// Loaded into the server that is profiled (`node --import`): V8's sampling profiler runs from one SIGUSR2 to the next,
// and what it saw is written then, as `node --cpu-prof` would write it.
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const SAMPLE_EVERY_MICROS = 250;
const file = process.env.BENCH_PROFILE_FILE;
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROS });
let isRunning = false;
process.on('SIGUSR2', async () => {
  isRunning = !isRunning;
  if (isRunning) return session.post('Profiler.start');
  const { profile } = await session.post('Profiler.stop');
  // All of it or nothing: somebody waits for it to be there.
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
});
