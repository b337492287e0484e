import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const PROGRAM = join(DIST, 'program');

/** The modules that were put into a file: esbuild names each above its text, or above each part of it. */
function modulesIn(file: string): string[] {
  const names = readFileSync(file, 'utf8').matchAll(/^\/\/ ((?:src|node_modules)\/\S+)$/gm);
  return [...new Set([...names].map(([, name = '']) => name))];
}

/** This file, and all that are loaded with it: not what it loads later. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^(?:\} from|import) "(\.[^"]+)";$/gm))
    loadedWith(join(dirname(file), name), seen);
  return seen;
}

const files = readdirSync(PROGRAM)
  .filter((name) => name.endsWith('.js'))
  .map((name) => join(PROGRAM, name));
const everything = [...files, ...['main.js', 'cli.js', 'workers/worker.js'].map((name) => join(DIST, name))];

it('has each module in one place: two copies of graphql would not know each other’s types', () => {
  const modules = everything.flatMap(modulesIn);
  expect(new Set(modules).size).toBe(modules.length);
  const graphql = modules.filter((name) => name.startsWith('node_modules/graphql/'));
  expect(graphql).toContain('node_modules/graphql/type/schema.mjs');
  expect(graphql.filter((name) => !name.endsWith('.mjs'))).toEqual([]);
});

it('starts without what only some requests, commands and configurations need', () => {
  const serve = files.find((file) => modulesIn(file).includes('src/serve.ts')) ?? '';
  const modules = [join(DIST, 'main.js'), serve].flatMap((file) => [...loadedWith(file)]).flatMap(modulesIn);
  expect(modules).toContain('src/http/short-way.ts');
  const packages = new Set(modules.map((name) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1]));
  expect(packages).toContain('graphql-yoga');
  const late = ['graphql-jit', 'ajv', 'pino-pretty', '@zxcvbn-ts/language-common', '@opentelemetry/sdk-trace'];
  for (const name of [...late, 'commander', '@clack/prompts']) expect(packages).not.toContain(name);
  expect(modules.filter((name) => name.includes('query_compiler'))).toEqual([]);
});

it('names nothing in what it loads later of CommonJS, which comes whole: as `default`', () => {
  const whole = files.filter((file) => /^export default require_\w+\(\);$/m.test(readFileSync(file, 'utf8')));
  const loaded = everything.flatMap((file) => {
    const imports = readFileSync(file, 'utf8').matchAll(/^.*await import\("[./]+\/(?<name>[^/"]+)"\).*$/gm);
    return [...imports].filter(({ groups }) => whole.some((each) => each.endsWith(`/${groups?.name}`)));
  });
  // How a machine is called, nobody asks OpenTelemetry.
  const lines = loaded.map(([line]) => line.trim()).filter((line) => !line.includes('getMachineId'));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatch(/\{ default: |\)\.default/);
});
