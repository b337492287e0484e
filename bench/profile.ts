import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Call, type CpuProfile, callsOf, KINDS } from './cpu-profile.ts';
import { flameGraph } from './flame-graph.ts';
import { withKnownCaller } from './known-caller.ts';
import { table } from './program.ts';

const WARM_UP_MS = 5_000;
const PROFILED_MS = 10_000;
const NAMED = 6;
const FOLDER = fileURLToPath(new URL('profiles/', import.meta.url));
const PROFILER = fileURLToPath(new URL('profiler.mjs', import.meta.url));

/**
 * Where the time of the authenticated request goes, under load and without the start: a .cpuprofile and a flame graph
 * in bench/profiles/. Shape: where they are, and a table of the time spent in code of each kind itself.
 */
export async function profile(): Promise<string> {
  const serverUrl = process.env.BENCH_DATABASE_URL;
  if (!serverUrl) return 'Left out: BENCH_DATABASE_URL names no PostgreSQL server.';
  mkdirSync(FOLDER, { recursive: true });
  const name = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const file = join(FOLDER, `${name}.cpuprofile`);
  await record(serverUrl, file);
  const root = callsOf(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile);
  const page = join(FOLDER, `${name}.html`);
  writeFileSync(page, flameGraph('{ me { id username } }', root));
  const written = [page, file].map((each) => relative(process.cwd(), each)).join('\n');
  return `${written}\n\n${selfTimes(root)}`;
}

function record(serverUrl: string, file: string): Promise<void> {
  const more = { NODE_OPTIONS: `--import ${PROFILER}`, BENCH_PROFILE_FILE: file };
  return withKnownCaller(serverUrl, more, async (server, askWhoIAm) => {
    await askWhoIAm({ ms: WARM_UP_MS });
    server.signal('SIGUSR2');
    await askWhoIAm({ ms: PROFILED_MS });
    server.signal('SIGUSR2');
    while (!existsSync(file)) await sleep(100);
  });
}

/** By kind, each with the places that took most of it. */
function selfTimes(root: Call): string {
  const byKind = new Map<string, Map<string, number>>(KINDS.map((kind) => [kind, new Map()]));
  function add({ kind, name, selfMicros, calls }: Call): void {
    const places = byKind.get(kind);
    places?.set(name, (places.get(name) ?? 0) + selfMicros);
    for (const call of calls) add(call);
  }
  add(root);
  const percent = (micros: number) => ((micros / root.micros) * 100).toFixed(1);
  const rows = [...byKind].map(([kind, places]) => {
    const dearest = [...places].toSorted(([, a], [, b]) => b - a).slice(0, NAMED);
    const all = [...places.values()].reduce((sum, micros) => sum + micros, 0);
    return [kind, percent(all), dearest.map(([name, micros]) => `${name} ${percent(micros)}`).join(', ')];
  });
  return table(['code', '% of the time', 'most of it'], rows);
}
